import { expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { systemIds } from '#lib/ids.ts';
import { watchChanges, type Form } from './watch-changes.ts';

type Item = { readonly metadata: { readonly uid: string; readonly resourceVersion: string } };
const FORM: Form<Item> = {
  accept: 'application/json',
  // Sound: the lists of this test are such.
  parts: (page) => (page as { readonly items: readonly Item[] }).items,
  meta: ({ metadata }) => metadata,
  columns: () => undefined,
  listRevision: (page) => (page as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion,
};
const item = (uid: string, resourceVersion: number): Item => ({ metadata: { uid, resourceVersion: String(resourceVersion) } });
const list = (revision: number, ...items: readonly Item[]) => ({ metadata: { resourceVersion: String(revision) }, items });
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

/** Runs through lists and streams, and gives what was told, with the revisions that were watched from; ends with the last stream. */
async function run(lists: readonly unknown[], streams: readonly (string | SkerryError)[]) {
  const told: string[] = [];
  const errors: string[] = [];
  const [leftLists, leftStreams] = [[...lists], [...streams]];
  const client = {
    send: async () => leftLists.shift(),
    open: async (path: string) => {
      told.push(`from ${new URLSearchParams(path.split('?')[1]).get('resourceVersion')}`);
      const next = leftStreams.shift() ?? new SkerryError('Forbidden', 'the end');
      if (typeof next !== 'string') throw next;
      const [first, rest] = [next.slice(0, 20), next.slice(20)];
      return (async function* () {
        yield Buffer.from(first);
        yield Buffer.from(rest);
      })();
    },
  };
  const tell = async (changes: readonly { readonly event: string; readonly object: Item }[]) =>
    void told.push(
      changes.map(({ event, object }) => `${event} ${object.metadata.uid}@${object.metadata.resourceVersion}`).join(' '),
    );
  const outside = {
    clock: { ...systemClock, timer: (_: number, fire: () => void) => systemClock.timer(0, fire) },
    ids: systemIds,
    stderr: (text: string) => void errors.push(text),
  };
  const watched = { path: '/x', query: {}, chunk: 500 };
  await watchChanges(client, watched, FORM, tell, outside, new AbortController().signal).catch((error: unknown) => {
    if (!hasCode(error, 'Forbidden')) throw error;
  });
  return { told, errors };
}

test('a stream that ends is opened again where it ended, also after a bookmark', async () => {
  const stream = line('ADDED', item('b', 5)) + line('BOOKMARK', item('', 9));
  expect((await run([list(3, item('a', 2))], [stream])).told).toEqual(['ADDED a@2', 'from 3', 'ADDED b@5', 'from 9']);
});

test('one that is too old begins with a new list, of which only the news is told', async () => {
  const tooOld = line('ERROR', { kind: 'Status', reason: 'Expired', message: 'too old' });
  const first = list(3, item('a', 1), item('b', 2), item('c', 3));
  const { told } = await run([first, list(9, item('a', 1), item('b', 7), item('d', 8))], [tooOld]);
  expect(told).toEqual(['ADDED a@1 ADDED b@2 ADDED c@3', 'from 3', 'DELETED c@3 MODIFIED b@7 ADDED d@8', 'from 9']);
});

test('a server that is away is tried again, and told of once', async () => {
  const away = new SkerryError('ServiceUnavailable', 'GET /x', { cause: new Error('refused') });
  const { told, errors } = await run([list(3)], [away, away, line('ADDED', item('a', 4))]);
  expect(told).toEqual(['', 'from 3', 'from 3', 'from 3', 'ADDED a@4', 'from 4']);
  expect(errors).toEqual(['skerry: the watch was cut, and is tried again: refused\n']);
});

test('it ends without an error when it is aborted, whatever it does at that moment', async () => {
  for (const code of ['Aborted', 'ServiceUnavailable']) {
    const stop = new AbortController();
    const client = {
      send: async () => list(3),
      open: async () => {
        stop.abort();
        throw new SkerryError(code, 'GET /x');
      },
    };
    const outside = { clock: systemClock, ids: systemIds, stderr: () => undefined };
    await watchChanges(client, { path: '/x', query: {}, chunk: 500 }, FORM, async () => undefined, outside, stop.signal);
  }
});
