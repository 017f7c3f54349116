import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KubeObject } from '#api/object.ts';
import { SkerryError } from '#lib/error.ts';
import type { Entry, Expectation, Write } from '#rest/storage.ts';
import { keyText } from '#rest/storage.ts';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import type { Committer } from './committer.ts';
import { look } from './look.ts';
import type { Store } from './store.ts';

/**
 * Random commits against a plain Map. Several commits are given in one turn, so that they meet on their way; some turns meet a failing
 * disk. Never may the two differ: in outcomes, in what is there now, was there at any commit, was told to watchers, or is on the disk.
 */
type Step = { readonly commits: readonly (readonly Draft[])[]; readonly fails: boolean };
type Draft = {
  readonly at: number;
  readonly remove: boolean;
  readonly durable: boolean;
  /** The revision is that of the object when the turn began, or one that never was. */
  readonly expect: 'none' | 'absent' | 'present' | 'revision' | 'wrong revision' | 'uid' | 'wrong uid';
};

const KEYS = ['pods/a/x', 'pods/a/y', 'pods/b/x', 'configmaps/a/x', 'configmaps/c/z'];

const draft: fc.Arbitrary<Draft> = fc.record({
  at: fc.nat(KEYS.length - 1),
  remove: fc.boolean(),
  durable: fc.boolean(),
  expect: fc.constantFrom('none', 'none', 'absent', 'present', 'revision', 'wrong revision', 'uid', 'wrong uid'),
});

const step: fc.Arbitrary<Step> = fc.record({
  commits: fc.array(fc.uniqueArray(draft, { selector: ({ at }) => at, maxLength: 4 }), { maxLength: 5 }),
  fails: fc.nat(5).map((chance) => chance === 0),
});

type Held = { readonly object: KubeObject; readonly revision: number; readonly durable: boolean };
type State = ReadonlyMap<string, Held>;

test('never differs from a plain map', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) => withFolder((folder) => run(steps, join(folder, 'state.db')))),
    { numRuns: 150 },
  ));

async function run(steps: readonly Step[], file: string): Promise<void> {
  const disk = { fails: false, asked: false };
  const wrapCommitter = (committer: Committer): Committer => ({
    ...committer,
    commit: async (group) => {
      disk.asked = true;
      if (disk.fails) throw new SkerryError('DiskFailed', 'write', { details: { sqlite: 'SQLITE_FULL' } });
      return committer.commit(group);
    },
  });
  const store = await openTestStore({ file, wrapCommitter });
  const seen: string[] = [];
  store.storage.watch(store.storage.revision(), {
    batch: (entries) => void seen.push(entries.map(entryText).join(' ')),
    ended: (why) => void seen.push(why.message),
  });
  let state: State = new Map();
  let lastUid = 0;
  const told: string[] = [];
  const past: { readonly revision: number; readonly state: State }[] = [{ revision: store.storage.revision(), state }];
  const given = new Set<number>();

  for (const { commits, fails } of steps) {
    disk.fails = fails;
    disk.asked = false;
    const began = state;
    const drafts = commits.map((each) => each.map((one) => writeOf(one, began, `uid-${(lastUid += 1)}`)));
    const outcomes = await Promise.all(drafts.map((writes) => outcomeOf(store, writes)));
    let pending = began;
    for (const [index, writes] of drafts.entries()) {
      const outcome = outcomes[index] ?? '';
      const expected = violation(writes, pending);
      if (expected !== undefined) {
        expect(outcome).toBe(expected);
        continue;
      }
      // Preconditions also see what is going to fail.
      const { next, entries } = applied(writes, pending, outcome);
      pending = next;
      if (fails && disk.asked) expect(outcome).toBe('ServiceUnavailable');
      else {
        state = next;
        for (const { revision } of entries) expect(given.has(revision)).toBe(false);
        for (const { revision } of entries) given.add(revision);
        if (entries.length === 0) continue;
        told.push(entries.map(entryText).join(' '));
        past.push({ revision: entries.at(-1)?.revision ?? 0, state });
      }
    }
  }

  await new Promise((resolve) => void setImmediate(resolve));
  expect(seen).toEqual(told);
  for (const { revision, state: then } of past)
    for (const resource of ['pods', 'configmaps'])
      for (const namespace of [undefined, 'a']) {
        const list = await store.storage.list({ resource, namespace, revision });
        expect([list.revision, list.items]).toEqual([revision, listOf(then, resource, namespace)]);
      }
  await store.close();
  const found = look(file);
  const rows = found.type === 'database' ? found.objects.map(({ key, object }) => [key, object] as const) : [];
  const durable = [...state].filter(([, held]) => held.durable).map(([key, { object }]) => [key, object] as const);
  expect(new Map(rows)).toEqual(new Map(durable));
}

function writeOf({ at, remove, durable, expect: what }: Draft, state: State, uid: string): Write {
  const text = KEYS[at] ?? '';
  const [resource = '', namespace = '', name = ''] = text.split('/');
  const held = state.get(text);
  const object = { apiVersion: 'v1', kind: 'Thing', metadata: { namespace, name, uid: held?.object.metadata.uid ?? uid } };
  const expectations: Readonly<Record<Draft['expect'], Expectation | undefined>> = {
    none: undefined,
    absent: { absent: true },
    present: {},
    revision: { revision: held?.revision ?? 1 },
    'wrong revision': { revision: 1 },
    uid: { uid: held?.object.metadata.uid ?? 'none' },
    'wrong uid': { uid: 'other' },
  };
  const expectation = expectations[what];
  return {
    key: { resource, namespace, name },
    object: remove ? undefined : object,
    durable,
    ...(expectation === undefined ? {} : { expect: expectation }),
  };
}

/** Code and index, or the commit's revisions as text. */
function outcomeOf(store: Store, writes: readonly Write[]): Promise<string> {
  return store.storage.commit(writes).then(
    ({ revision }) => String(revision),
    (error: SkerryError) => ('index' in error.details ? `${error.code} ${String(error.details['index'])}` : error.code),
  );
}

function violation(writes: readonly Write[], state: State): string | undefined {
  for (const [index, { key, expect: wanted }] of writes.entries()) {
    const held = state.get(keyText(key));
    if (wanted === undefined) continue;
    if (wanted.absent === true) {
      if (held !== undefined) return `AlreadyExists ${index}`;
    } else if (held === undefined) return `NotFound ${index}`;
    else if (wanted.uid !== undefined && wanted.uid !== held.object.metadata.uid) return `Conflict ${index}`;
    else if (wanted.revision !== undefined && wanted.revision !== held.revision) return `Conflict ${index}`;
  }
  return undefined;
}

/** The outcome is the commit's last revision: the others come right before it. */
function applied(
  writes: readonly Write[],
  state: State,
  outcome: string,
): { readonly next: State; readonly entries: readonly Entry[] } {
  const next = new Map(state);
  const entries: Entry[] = [];
  const real = writes.filter(({ key, object }) => object !== undefined || state.has(keyText(key)));
  for (const [index, { key, object, durable = true }] of real.entries()) {
    const revision = Number(outcome) - (real.length - 1 - index);
    const text = keyText(key);
    const before = next.get(text)?.object;
    if (object === undefined) {
      next.delete(text);
      entries.push({ revision, key, ...(before === undefined ? {} : { before }) });
    } else {
      const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
      next.set(text, { object: after, revision, durable });
      entries.push({ revision, key, after, ...(before === undefined ? {} : { before }) });
    }
  }
  return { next, entries };
}

function entryText({ revision, key, before, after }: Entry): string {
  return `${revision} ${keyText(key)} ${JSON.stringify(before)} → ${JSON.stringify(after)}`;
}

function listOf(state: State, resource: string, namespace: string | undefined): readonly KubeObject[] {
  return [...state]
    .filter(([key]) => key.startsWith(namespace === undefined ? `${resource}/` : `${resource}/${namespace}/`))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { object }]) => object);
}
