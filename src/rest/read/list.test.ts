import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiWorld, type ApiWorld, type Reply } from '../../../test/support/api-world.ts';
import type { KubeObject } from '../../api/object.ts';

/** Lists over HTTP: pages, old revisions, and tokens that have expired, in a store that remembers few changes. */
const REMEMBERED = 8;
const MAPS = '/api/v1/namespaces/default/configmaps';

let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({}, { limits: { entriesMax: REMEMBERED } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await make(name);
});
afterAll(() => world.stop());

const make = (name: string) => world.call('POST', MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

type List = { readonly metadata: Record<string, string>; readonly items?: readonly KubeObject[] };

async function list(
  query: string,
): Promise<{ readonly names: string; readonly metadata: Record<string, string>; readonly reply: Reply }> {
  const reply = await world.call('GET', `${MAPS}?${query}`);
  // Sound: a list, or a Status, which has no items.
  const { metadata, items = [] } = reply.json() as List;
  return { names: items.map(({ metadata: { name = '' } }) => name).join(' '), metadata, reply };
}

async function checkRefused(query: string, code: number, message: string): Promise<void> {
  const { reply } = await list(query);
  expect({ ...(reply.json() as object), code: reply.status }).toMatchObject({ message, code });
}

const token = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a page, its rest, and what remains', async () => {
  const first = await list('limit=2');
  expect(first.names).toBe('a b');
  expect(first.metadata).toMatchObject({ remainingItemCount: 3 });
  const second = await list(`limit=2&continue=${first.metadata.continue}`);
  expect(second.names).toBe('c d');
  const last = await list(`limit=2&resourceVersion=0&continue=${second.metadata.continue}`);
  expect(last.names).toBe('e');
  expect(last.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion });
  expect((await list('limit=2&labelSelector=!x')).metadata).not.toHaveProperty('remainingItemCount');
});

test('a revision is exact when told so, or with a limit', async () => {
  const { metadata } = await list('');
  const then = `resourceVersion=${metadata.resourceVersion}`;
  await make('later');
  expect((await list(`${then}&resourceVersionMatch=Exact`)).names).toBe('a b c d e');
  expect((await list(`${then}&limit=9`)).names).toBe('a b c d e');
  expect((await list(`${then}&limit=9&resourceVersionMatch=NotOlderThan`)).names).toBe('a b c d e later');
  expect((await list(then)).names).toBe('a b c d e later');
  expect((await list('resourceVersion=0&limit=9')).names).toBe('a b c d e later');
  await world.call('DELETE', `${MAPS}/later`);
});

test('an expired token is refused with one that goes on all the same, from the present', async () => {
  const first = await list('limit=2');
  for (let turn = 0; turn <= REMEMBERED; turn++)
    await world.call('PUT', `${MAPS}/a`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { turn: String(turn) },
    });
  await make('cc');
  const { reply, metadata } = await list(`limit=2&continue=${first.metadata.continue}`);
  expect(reply.json()).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: { continue: expect.any(String) },
    status: 'Failure',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    reason: 'Expired',
    code: 410,
  });
  expect(reply.status).toBe(410);
  const second = await list(`limit=2&continue=${metadata.continue}`);
  expect(second.names).toBe('c cc');
  await make('dd');
  // From there on it is one revision again.
  expect((await list(`limit=9&continue=${second.metadata.continue}`)).names).toBe('d e');
  await checkRefused(
    `resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`,
    410,
    'The resourceVersion for the provided list is too old.',
  );
});

test('a token of a revision yet to come, from before a backup, is as good as expired', async () => {
  const { reply, metadata } = await list(`limit=2&continue=${token({ v: 'meta.k8s.io/v1', rv: 1e12, start: 'default/d' })}`);
  expect(reply.status).toBe(410);
  expect((await list(`limit=2&continue=${metadata.continue}`)).names).toBe('dd e');
});

test('tokens that are none', async () => {
  const bad = (value: unknown, why: string) =>
    checkRefused(
      `continue=${typeof value === 'string' ? value : token(value)}`,
      400,
      `invalid continue token: continue key is not valid: ${why}`,
    );
  const v = 'meta.k8s.io/v1';
  await bad('abc', "invalid character 'i' looking for beginning of value");
  await bad('a!', 'illegal base64 data at input byte 1');
  await bad('a', 'unexpected end of JSON input');
  await bad({ v: 'v2', rv: 1, start: 'a/b' }, 'server does not recognize this encoded version');
  await bad(null, 'server does not recognize this encoded version');
  await bad({ v, rv: 0, start: 'a/b' }, 'incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  await bad({ v, rv: '1', start: 'a/b' }, 'incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  await bad({ v, rv: 1 }, 'encoded start key empty (version meta.k8s.io/v1)');
  await bad({ v, rv: 1, start: '../../secrets' }, '../../secrets');
});

test('options that exclude one another', async () => {
  const invalid = (query: string, ...errors: readonly string[]) =>
    checkRefused(
      query,
      422,
      `ListOptions.meta.k8s.io "" is invalid: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}`,
    );
  const { continue: next = '' } = (await list('limit=1')).metadata;
  await checkRefused(`continue=${next}&resourceVersion=1`, 400, 'specifying resource version is not allowed when using continue');
  await checkRefused(
    'resourceVersion=-1',
    400,
    'invalid resource version: resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": invalid syntax',
  );
  await checkRefused(
    'resourceVersion=18446744073709551616',
    400,
    'invalid resource version: resourceVersion: Invalid value: "18446744073709551616": strconv.ParseUint: parsing "18446744073709551616": value out of range',
  );
  expect((await list('resourceVersion=18446744073709551615')).reply.status).toBe(504);
  const match = 'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden';
  await invalid(
    `resourceVersionMatch=Most&continue=${next}&sendInitialEvents=false`,
    `${match} unless resourceVersion is provided`,
    `${match} when continue is provided`,
    'resourceVersionMatch: Unsupported value: "Most": supported values: "Exact", "NotOlderThan", ""',
    'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
  );
  await invalid(
    'resourceVersion=0&resourceVersionMatch=Exact',
    `resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
  );
  await invalid('watch=1&resourceVersionMatch=NotOlderThan', `${match} for watch unless sendInitialEvents is provided`);
  const needs = 'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
  await invalid('watch=1&sendInitialEvents=true', needs);
  await invalid(
    'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact',
    needs,
    'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"',
  );
});
