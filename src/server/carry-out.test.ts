import { expect, test } from 'vitest';
import type { Change } from '../rest/change.ts';
import { carryOut } from './carry-out.ts';
import { authorOf } from './events.ts';

const pod = (name: string): Change => ({
  verb: 'create',
  resource: 'pods',
  object: { apiVersion: 'v1', kind: 'Pod', metadata: { name } },
});
const gone = (name: string): Change => ({ verb: 'delete', resource: 'pods', namespace: '', name });
const patch = (name: string): Change => ({ verb: 'patch', resource: 'pods', namespace: '', name, patchType: 'merge', patch: {} });

/** Which changes were under way together, in order; a name that begins with `bad` is refused. */
async function batchesOf(changes: readonly Change[], signal = new AbortController().signal) {
  const batches: string[][] = [];
  let open = false;
  const carrier = async (change: Change) => {
    if (!open) batches.push([]);
    open = true;
    const name = 'object' in change ? (change.object.metadata.name ?? '') : change.name;
    batches.at(-1)?.push(name);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    open = false;
    if (name.startsWith('bad')) throw new Error(`refused ${name}`);
    return undefined;
  };
  const seen: string[] = [];
  const witness = { done: ({ verb }: Change) => void seen.push(verb), failed: () => void seen.push('failed') };
  const error = await carryOut(changes, authorOf('test'), carrier, witness, signal).then(
    () => undefined,
    (reason: unknown) => String(reason),
  );
  return { sizes: batches.map((batch) => batch.length), error, seen };
}

test('neighbours of one sort go out in batches that double', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `p${index}`);
  expect((await batchesOf(names.map(pod))).sizes).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64, 45]);
});

test('another verb, or the same object again, waits for what stands before it', async () => {
  expect((await batchesOf([gone('a'), pod('a'), patch('a'), patch('a')])).sizes).toEqual([1, 1, 1, 1]);
  expect((await batchesOf([patch('a'), patch('b'), patch('c'), patch('a')])).sizes).toEqual([1, 2, 1]);
});

test('a refusal stops what comes after its batch, and is told', async () => {
  const { sizes, error, seen } = await batchesOf([pod('a'), pod('bad'), pod('b'), pod('c')]);
  expect({ sizes, error, seen }).toEqual({ sizes: [1, 2], error: 'Error: refused bad', seen: ['create', 'failed', 'create'] });
});

test('nothing is begun after the abort', async () => {
  expect((await batchesOf([pod('a')], AbortSignal.abort())).sizes).toEqual([]);
});
