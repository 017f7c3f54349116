import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiWorld, type ApiWorld } from '../../test/support/api-world.ts';
import { builtinResources } from '../api/kinds/builtin.ts';
import { apiVersion } from '../api/registry.ts';
import { text } from './answer.ts';

/** Discovery over HTTP: its two forms agree with each other and with the registry, and what it lists is what is served. */
let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({ connectors: { 'pods/log': async () => text(200, 'a line\n') } });
});
afterAll(() => world.stop());

type Kind = { readonly group: string; readonly version: string; readonly kind: string };

/** One row of either form. */
type Row = {
  readonly groupVersion: string;
  readonly name: string;
  readonly namespaced: boolean;
  readonly singular: string;
  readonly kind: Kind;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
};

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

async function plain(): Promise<readonly Row[]> {
  const { groups } = await get<{ groups: { versions: { groupVersion: string }[] }[] }>('/apis');
  const versions = ['v1', ...groups.flatMap(({ versions: each }) => each.map(({ groupVersion }) => groupVersion))];
  const lists = versions.map(async (groupVersion): Promise<readonly Row[]> => {
    const [group = '', version = ''] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
    const { resources } = await get<{
      resources: (Partial<Kind & Pick<Row, 'shortNames' | 'categories'>> & { kind: string; singularName: string } & Pick<
          Row,
          'name' | 'namespaced' | 'verbs'
        >)[];
    }>(`/${group === '' ? 'api' : 'apis'}/${groupVersion}`);
    return resources.map(({ name, namespaced, singularName, kind, verbs, shortNames = [], categories = [], ...own }) => ({
      groupVersion,
      name,
      namespaced,
      singular: singularName,
      kind: { group: own.group ?? group, version: own.version ?? version, kind },
      verbs,
      shortNames,
      categories,
    }));
  });
  return (await Promise.all(lists)).flat();
}

type AggregatedItem = {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly {
      readonly resource: string;
      readonly responseKind: Kind;
      readonly scope: string;
      readonly singularResource: string;
      readonly verbs: readonly string[];
      readonly shortNames?: readonly string[];
      readonly categories?: readonly string[];
      readonly subresources?: readonly {
        readonly subresource: string;
        readonly responseKind: Kind;
        readonly verbs: readonly string[];
      }[];
    }[];
  }[];
};

async function aggregated(): Promise<readonly Row[]> {
  const roots = ['/api', '/apis'].map((path) => get<{ items: AggregatedItem[] }>(path, { accept: AGGREGATED }));
  return (await Promise.all(roots))
    .flatMap(({ items }) => items)
    .flatMap(({ metadata: { name: group = '' }, versions }) =>
      versions.flatMap(({ version, resources }) =>
        resources.flatMap(
          ({ resource, responseKind, scope, singularResource, verbs, shortNames = [], categories = [], subresources = [] }) => {
            const common = { groupVersion: apiVersion(group, version), namespaced: scope === 'Namespaced' };
            return [
              { ...common, name: resource, singular: singularResource, kind: responseKind, verbs, shortNames, categories },
              ...subresources.map((door) => ({
                ...common,
                name: `${resource}/${door.subresource}`,
                singular: '',
                kind: door.responseKind,
                verbs: door.verbs,
                shortNames: [],
                categories: [],
              })),
            ];
          },
        ),
      ),
    );
}

async function get<T>(path: string, headers: Record<string, string> = {}): Promise<T> {
  const reply = await world.call('GET', path, undefined, headers);
  expect(reply.status, path).toBe(200);
  return reply.json() as T;
}

test('both forms say the same, of every resource of the registry', async () => {
  const rows = await plain();
  expect(await aggregated()).toEqual(rows);
  const registered = builtinResources.flatMap(({ group, plural, versions, subresources }) =>
    versions.flatMap(({ version }) =>
      ['', ...Object.keys(subresources).map((door) => `/${door}`)].map(
        (door) => `${apiVersion(group, version)} ${plural}${door}`,
      ),
    ),
  );
  expect(rows.map(({ groupVersion, name }) => `${groupVersion} ${name}`).toSorted()).toEqual(registered.toSorted());
});

/** Method, on a collection or on one object → the verb that it is. '' where there is none. */
const VERBS = {
  collection: { GET: 'list', POST: 'create', PUT: '', PATCH: '', DELETE: 'deletecollection', HEAD: '', OPTIONS: '' },
  object: { GET: 'get', POST: '', PUT: 'update', PATCH: 'patch', DELETE: 'delete', HEAD: '', OPTIONS: '' },
  door: { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete', HEAD: '', OPTIONS: '' },
} as const;

test('every verb that is listed is served, every other answers 405', async () => {
  const watches: string[] = [];
  for (const { groupVersion, name, namespaced, verbs } of await plain()) {
    const root = `/${groupVersion === 'v1' ? 'api' : 'apis'}/${groupVersion}${namespaced ? '/namespaces/default' : ''}`;
    const [plural = '', door] = name.split('/');
    const places =
      door === undefined
        ? ([
            ['collection', `${root}/${plural}`],
            ['object', `${root}/${plural}/nobody`],
          ] as const)
        : ([['door', `${root}/${plural}/nobody/${door}`]] as const);
    for (const [place, path] of places) {
      for (const [method, verb] of Object.entries(VERBS[place])) {
        const body = ['POST', 'PUT', 'PATCH'].includes(method) ? {} : undefined;
        const type = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
        const reply = await world.call(method, `${path}?labelSelector=no%3Done`, body, type);
        const what = `${method} ${path}: ${reply.text}`;
        expect(reply.status === 405, what).toBe(!verbs.includes(verb));
        expect(reply.text, what).not.toContain('could not find the requested resource');
        expect(reply.status, what).toBeLessThan(500);
        if (method === 'HEAD') expect(reply.text).toBe('');
        else if (reply.status === 405) expect(reply.json()).toMatchObject({ reason: 'MethodNotAllowed', details: {}, code: 405 });
      }
    }
    if (verbs.includes('watch')) watches.push(`${root}/${plural}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dx`);
  }
  const replies = await Promise.all(watches.map((path) => world.call('GET', path)));
  expect(replies.map(({ status }) => status)).toEqual(
    builtinResources.filter(({ computed }) => computed !== true).map(() => 200),
  );
});

const ACTIONS: Readonly<Record<string, string>> = { post: 'create', put: 'update', connect: 'get' };

test('OpenAPI says the same', async () => {
  type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>> };
  const { paths: index } = await get<{ paths: Readonly<Record<string, { serverRelativeURL: string }>> }>('/openapi/v3');
  const found = new Map<string, Set<string>>();
  for (const { serverRelativeURL } of Object.values(index)) {
    for (const [path, operations] of Object.entries((await get<Document>(serverRelativeURL)).paths)) {
      const name = path
        .replace(/^\/apis?\//, '')
        .replace('namespaces/{namespace}/', '')
        .replace('/{name}', '');
      const verbs = found.get(name) ?? new Set();
      for (const { 'x-kubernetes-action': action = '' } of Object.values(operations)) verbs.add(ACTIONS[action] ?? action);
      found.set(name, verbs);
    }
  }
  // Of what can not be made the shape is not told either.
  const rows = (await plain()).filter(({ name }) => name !== 'customresourcedefinitions');
  expect(Object.fromEntries([...found].map(([name, verbs]) => [name, [...verbs].toSorted()]))).toEqual(
    Object.fromEntries(
      rows.map(({ groupVersion, name, verbs }) => [`${groupVersion}/${name}`, verbs.filter((verb) => verb !== 'watch')]),
    ),
  );
});

test('a document is one, however its path is written, and is known by its tag', async () => {
  const [tag, other] = await Promise.all(
    ['/apis/apps/v1', '/apis/apps/v1/'].map(async (path) => (await world.call('GET', path)).headers.get('etag')),
  );
  expect(tag).toBe(other);
  for (const known of [tag, `"x", W/${tag}`, '*'])
    expect((await world.call('GET', '/apis/apps/v1', undefined, { 'if-none-match': known ?? '' })).status).toBe(304);
  expect((await world.call('GET', '/apis/apps/v1', undefined, { 'if-none-match': '"x"' })).status).toBe(200);
  expect((await world.call('GET', '/apis', undefined, { 'if-none-match': '*', 'user-agent': 'curl/8' })).status).toBe(304);
  expect((await world.call('GET', '/api/')).json()).toMatchObject({ kind: 'APIVersions' });
  expect((await world.call('GET', '/apis/')).json()).toMatchObject({ kind: 'APIGroupList' });
  for (const path of [
    '/apis//apps',
    '/apis/apps//v1',
    '/apis/apps/v1//',
    '/openapi/v3/api/v1/more',
    '/openapi/v3/apis/apps',
    '/openapi/v3api/v1',
  ])
    expect((await world.call('GET', path)).status, path).toBe(404);
});

test('namespaces are not deleted together', async () => {
  const rows = await plain();
  expect(rows.find(({ name }) => name === 'namespaces')?.verbs).not.toContain('deletecollection');
  expect((await world.call('DELETE', '/api/v1/namespaces')).status).toBe(405);
});

test('paths: by whatever method where upstream routes by path alone, else by GET', async () => {
  const statusOf = async (method: string, path: string) => (await world.call(method, path)).status;
  for (const path of ['/', '/apis', '/apis/apps', '/healthz', '/livez', '/readyz/ping', '/metrics', '/openapi/v2', '/openapi/v3'])
    for (const method of ['GET', 'HEAD', 'POST']) expect(await statusOf(method, path), `${method} ${path}`).toBe(200);
  for (const path of ['/api', '/api/v1', '/apis/apps/v1', '/version'])
    for (const method of ['HEAD', 'POST', 'DELETE']) expect(await statusOf(method, path), `${method} ${path}`).toBe(405);
  for (const path of ['/nothing', '/api/v2', '/apis/none', '/apis/apps/v2', '/api/v1/nothing', '/healthz/ping/x'])
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(await statusOf(method, path), `${method} ${path}`).toBe(404);
});
