import { verbsOf } from '../verbs.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN, startApiWorld, type ApiWorld } from '../../../test/support/api-world.ts';
import { manualClock, type ManualClock } from '../../../test/support/manual-clock.ts';
import { builtinResources } from '../../api/kinds/builtin.ts';
import { apiVersion } from '../../api/registry.ts';
import { RING_BYTES_MAX } from '../../server/store/ring.ts';
import { BOOKMARK_MS, HELD_BYTES_MAX } from './frame-stream.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let world: ApiWorld;
let clock: ManualClock;
beforeEach(async () => {
  clock = manualClock();
  world = await startApiWorld({ clock });
});
afterEach(() => world.stop());

type Frame = {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: {
      readonly name?: string;
      readonly resourceVersion: string;
      readonly annotations?: Record<string, string>;
    };
    readonly code?: number;
    readonly rows?: readonly unknown[];
    readonly columnDefinitions?: readonly unknown[] | null;
  };
};

/** A watch through the pipeline; frames are taken one after the other, so a test may be as slow as it likes. */
async function watch(query: string, accept = 'application/json', path = MAPS) {
  const stop = new AbortController();
  const answer = await world.api.handle({
    method: 'GET',
    path,
    query: new URLSearchParams(`watch=true&${query}`),
    headers: { accept },
    body: new Uint8Array(),
    user: ADMIN.user,
    signal: stop.signal,
  });
  if (answer.type !== 'stream') return { status: answer.status, body: JSON.parse(String(answer.body)) as { message: string } };
  const chunks = answer.chunks[Symbol.asyncIterator]();
  let rest: Frame[] = [];
  /** The next frame, or undefined at the end. */
  const next = async (): Promise<Frame | undefined> => {
    if (rest.length === 0) {
      const { done, value } = await chunks.next();
      if (done === true) return undefined;
      const lines = Buffer.from(value).toString().trimEnd().split('\n');
      rest = lines.map((line) => JSON.parse(line) as Frame);
    }
    return rest.shift();
  };
  const line = async () => {
    const frame = await next();
    return frame === undefined ? 'end' : `${frame.type} ${frame.object.metadata.name ?? frame.object.kind}`;
  };
  return { status: answer.status, next, line, stop: () => stop.abort() };
}

async function open(query: string, accept?: string, path?: string) {
  const opened = await watch(query, accept, path);
  if (opened.next === undefined) throw new Error(`the watch was refused: ${opened.body.message}`);
  return opened;
}

const put = (name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}) =>
  world.call('PUT', `${MAPS}/${name}`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });
const make = async (name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}) => {
  const reply = await world.call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });
  return (reply.json() as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
};

test('the state comes first, then what enters, stays in and leaves the selector', async () => {
  await make('old', { app: 'web' });
  await make('other');
  const { line, stop } = await open('labelSelector=app%3Dweb');
  expect(await line()).toBe('ADDED old');
  await put('other', { app: 'web' });
  await put('other', { app: 'web', more: 'x' });
  await put('other');
  await put('other', { never: 'seen' });
  await world.call('DELETE', `${MAPS}/old`);
  expect([await line(), await line(), await line(), await line()]).toEqual([
    'ADDED other',
    'MODIFIED other',
    'DELETED other',
    'DELETED old',
  ]);
  stop();
  expect(await line()).toBe('end');
});

test('what is deleted is told of at the revision of its deletion', async () => {
  const made = Number(await make('gone'));
  const { next, stop } = await open(`resourceVersion=${made}`);
  await world.call('DELETE', `${MAPS}/gone`);
  const frame = await next();
  expect(frame).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'gone', resourceVersion: String(made + 1) } } });
  stop();
});

test('the end of the state, and how far the watch has come, are told by bookmarks', async () => {
  await make('a');
  const { next, line, stop } = await open('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
  expect(await line()).toBe('ADDED a');
  const end = await next();
  expect(end?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
  const elsewhere = await world.call('POST', '/api/v1/namespaces/default/secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
  });
  const { resourceVersion } = (elsewhere.json() as Frame['object']).metadata;
  const waiting = next();
  await clock.advance(BOOKMARK_MS);
  expect(await waiting).toMatchObject({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });
  stop();
});

test('a watch for no seconds is one for as long as usual', async () => {
  const { line, stop } = await open('timeoutSeconds=0');
  const waiting = line();
  await clock.advance(60_000);
  await make('late');
  expect(await waiting).toBe('ADDED late');
  stop();
});

test('its time ends a watch, with a bookmark for who wants one', async () => {
  const { line } = await open('timeoutSeconds=5&allowWatchBookmarks=true&resourceVersion=1');
  const [first, second] = [line(), line()];
  await clock.advance(5_000);
  expect([await first, await second]).toEqual(['BOOKMARK ConfigMap', 'end']);
});

test.each(
  builtinResources
    .filter((resource) => verbsOf(resource, '').includes('watch'))
    .map((resource) => [resource.id, resource] as const),
)('bookmarks of %s come as a Table, too', async (_id, { group, plural, versions }) => {
  const prefix = group === '' ? '/api/v1' : `/apis/${apiVersion(group, versions[0]?.version ?? '')}`;
  const query =
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dx';
  const { next, stop } = await open(query, TABLE, `${prefix}/${plural}`);
  expect(await next()).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Table', rows: [expect.anything()] } });
  stop();
});

test('only the first Table of a watch names its columns', async () => {
  await make('a');
  await make('b');
  const { next, stop } = await open('', TABLE);
  const [first, second] = [await next(), await next()];
  expect(first?.object.columnDefinitions).not.toBeNull();
  expect(second?.object.columnDefinitions).toBeNull();
  stop();
});

test('a revision that is gone is refused; one yet to come is waited for', async () => {
  expect(await watch('resourceVersion=0x1')).toMatchObject({ status: 400 });
  const made = Number(await make('now'));
  const { line, stop } = await open(`resourceVersion=${made + 1}`);
  await put('now', { at: 'that' });
  await put('now', { after: 'that' });
  expect(await line()).toBe('MODIFIED now');
  const waiting = line();
  stop();
  expect(await waiting).toBe('end');
});

test('a client that does not read costs little, and is told so once the store has gone on without it', async () => {
  const made = await make('large');
  const { next, stop } = await open(`resourceVersion=${made}`);
  const filling = 'x'.repeat(500_000);
  const enough = Math.ceil((RING_BYTES_MAX * 1.5) / filling.length);
  for (let turn = 0; turn < enough; turn++) await put('large', {}, { filling, turn: String(turn) });
  const frames: Frame[] = [];
  for (let frame = await next(); frame !== undefined; frame = await next()) frames.push(frame);
  expect(frames.length).toBeLessThan(2 + HELD_BYTES_MAX / filling.length + 1);
  expect(frames.at(-1)).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  stop();
  const late = await open(`resourceVersion=${made}`);
  const expired = { code: 410, reason: 'Expired', message: expect.stringMatching(/^too old resource version: \d+ \(\d+\)$/) };
  expect(await late.next()).toMatchObject({ type: 'ERROR', object: expired });
  expect(await late.next()).toBeUndefined();
});
