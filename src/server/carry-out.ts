/**
 * Carries changes out through the pipeline, in order. Neighbours of one sort that concern different objects go out together, first one,
 * then two, four and so on: a commit then holds many of them, and a refusal (a quota, a bad template) is met once and not 500 times.
 */
import type { KubeObject } from '#api/object.ts';
import type { Author, Change } from '#rest/change.ts';

/** The pipeline, for a change: gives back what the object is now, where there is one. Rejects with an API error. */
export type Carrier = (change: Change, author: Author, signal: AbortSignal) => Promise<KubeObject | undefined>;

/** Told of each change that was committed or refused. */
export type Witness = {
  readonly done: (change: Change, object: KubeObject | undefined) => void;
  readonly failed: (change: Change, error: unknown) => void;
};

export const TOGETHER_MAX = 64;

/** Rejects with the first failure; what comes after the batch it happened in is not tried. */
export async function carryOut(
  changes: readonly Change[],
  author: Author,
  carrier: Carrier,
  witness: Witness,
  signal: AbortSignal,
): Promise<void> {
  for (const run of runsOf(changes)) {
    let start = 0;
    for (let size = 1; start < run.length; size = Math.min(size * 2, TOGETHER_MAX)) {
      signal.throwIfAborted();
      const batch = run.slice(start, start + size);
      start += batch.length;
      await carryBatch(batch, author, carrier, witness, signal);
    }
  }
}

async function carryBatch(
  batch: readonly Change[],
  author: Author,
  carrier: Carrier,
  witness: Witness,
  signal: AbortSignal,
): Promise<void> {
  const results = await Promise.allSettled(batch.map((change) => carrier(change, author, signal)));
  for (const [index, result] of results.entries()) {
    const change = batch[index];
    if (change === undefined) continue;
    if (result.status === 'fulfilled') witness.done(change, result.value);
    else witness.failed(change, result.reason);
  }
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Neighbours of one verb and resource, as long as no object comes twice. */
function runsOf(changes: readonly Change[]): readonly (readonly Change[])[] {
  const runs: Change[][] = [];
  let names = new Set<string>();
  let sort = '';
  for (const [index, change] of changes.entries()) {
    const next = sortOf(change);
    const name = nameOf(change) ?? `new ${index}`;
    if (next !== sort || names.has(name)) {
      runs.push([]);
      names = new Set();
    }
    sort = next;
    names.add(name);
    runs.at(-1)?.push(change);
  }
  return runs;
}

function sortOf(change: Change): string {
  const subresource = 'subresource' in change ? (change.subresource ?? '') : '';
  return change.verb === 'bind' ? 'bind' : `${change.verb} ${change.resource}/${subresource}`;
}

/** undefined: the pipeline will make one up. */
function nameOf(change: Change): string | undefined {
  const { namespace = '', name } = 'object' in change ? change.object.metadata : change;
  return name === undefined ? undefined : `${namespace}/${name}`;
}
