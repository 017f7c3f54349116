import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AS_ANONYMOUS, startApiWorld, type ApiWorld } from '../../test/support/api-world.ts';

/**
 * The answers of a real kube-apiserver 1.20, replayed in their order over HTTP. Only the answers were recorded, so the bodies and headers
 * that brought them about stand here. What 1.36 or this server does otherwise stands in DIFFERENT, with the reason.
 */
type Recorded = {
  readonly label: string;
  readonly request: string;
  readonly code: number;
  readonly type: string;
  readonly body: unknown;
};

// The recording is ours and of this shape; the tests fail on any other.
const recorded = JSON.parse(readFileSync('test/support/k8s/status.json', 'utf8')) as readonly Recorded[];

type Sent = { readonly body?: unknown; readonly headers?: Record<string, string> };

const configMap = (name: string, rest: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...rest },
  data: { a: 'b' },
});
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const mergePatch = { 'content-type': 'application/merge-patch+json' };

const SENT: Readonly<Record<string, Sent>> = {
  'create cm': { body: configMap('c1') },
  'already exists': { body: configMap('c1') },
  'ns not found create': { body: configMap('c1') },
  'ns mismatch': { body: configMap('c2', { namespace: 'other' }) },
  'name mismatch PUT': { body: configMap('c9') },
  'no name': { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} } },
  'bad json': { body: '{"a":' },
  'empty body': { body: '' },
  'wrong kind': { body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } } },
  'wrong apiVersion': { body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } } },
  'type error': { body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":1}}' },
  'conflict rv': { body: configMap('c1', { resourceVersion: '1' }) },
  'uid precond': { body: configMap('c1', { uid: '11111111-1111-1111-1111-111111111111' }) },
  'delete precond': { body: { preconditions: { uid: 'x' } } },
  'delete rv precond': { body: { preconditions: { resourceVersion: '1' } } },
  'invalid name': { body: configMap('Bad_Name') },
  'invalid pod': { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } } },
  'empty deploy': { body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } } },
  '415 body': { body: 'x', headers: { 'content-type': 'text/csv' } },
  '406': { headers: { accept: 'text/csv' } },
  '406 table unsupported group': { headers: { accept: 'application/json;as=Table;v=v1;g=example.com' } },
  '405': { body: configMap('c1') },
  'patch bad ct': { body: {}, headers: { 'content-type': 'text/csv' } },
  'patch missing': { body: { data: {} }, headers: mergePatch },
  'json patch fail': { body: [{ op: 'test', path: '/data/a', value: 'z' }], headers: jsonPatch },
  'json patch bad path': { body: [{ op: 'remove', path: '/nope/x' }], headers: jsonPatch },
  'patch rv conflict': { body: { metadata: { resourceVersion: '1' }, data: { a: 'c' } }, headers: mergePatch },
  '401': { headers: { authorization: 'Bearer wrong', ...AS_ANONYMOUS } },
  'anon 403': { headers: AS_ANONYMOUS },
  'imp 403': { headers: { 'impersonate-user': 'jane' } },
  'imp create 403': { body: {}, headers: { 'impersonate-user': 'jane' } },
  'dryRun create': { body: configMap('dr') },
  'bad dryRun': { body: configMap('c5') },
};

/** Label → what this server answers instead, and why. */
const DIFFERENT: Readonly<Record<string, (body: never) => unknown>> = {
  // The semantics are those of 1.36, and nothing here is written in Go.
  version: ({ buildDate, platform }: Record<string, string>) => ({
    major: '1',
    minor: '36',
    gitVersion: 'v1.36.0+skerry-test',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate,
    goVersion: '',
    compiler: '',
    platform,
  }),
  // Only the groups of this release, and OpenAPI v3 and a version, which are younger than the recording.
  root: ({ paths }: { readonly paths: readonly string[] }) => ({
    paths: [...paths.filter((path) => SERVED.test(path)), '/apis/discovery.k8s.io/v1', '/openapi/v3'].toSorted(),
  }),
  'livez verbose': () => '[+]ping ok\nlivez check passed\n',
  // Younger releases check it before it reaches the cache.
  'list bad rv': ({ message, ...body }: { readonly message: string }) => ({
    ...body,
    message: `invalid resource version: ${message}`,
    reason: 'BadRequest',
    code: 400,
  }),
  // Protobuf is read, and not written.
  '406 table unsupported group': ({ message, ...body }: { readonly message: string }) => ({
    ...body,
    message: message.replace(', application/vnd.kubernetes.protobuf', ''),
  }),
  // Behind NAT there is no address that holds for every client, and none reads it.
  api: (body: object) => ({ ...body, serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }] }),
};
const SERVED =
  /^\/(apis?|api\/v1|apis\/(apiextensions\.k8s\.io|apps|((rbac\.)?authorization|authentication|coordination|discovery)\.k8s\.io)(\/v1)?|healthz|livez|metrics|openapi\/v2|readyz|version)$/;

let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld();
  const root = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': '' } };
  await world.call('POST', '/api/v1/namespaces/default/configmaps', root);
});
afterAll(() => world.stop());

test.each(recorded)('$label', async ({ label, request, code, type, body }) => {
  const [method = '', path = ''] = request.split(' ');
  const { body: sent, headers } = SENT[label] ?? {};
  const reply = await world.call(method, path, sent, headers);
  const answer = type === 'application/json' ? watchedOr(path, reply.text, () => reply.json()) : reply.text;
  const expected = DIFFERENT[label]?.(body as never) ?? body;
  const { code: changed } = (typeof expected === 'object' && expected !== null ? expected : {}) as { readonly code?: number };
  expect({ code: reply.status, type: reply.headers.get('content-type'), body: normal(answer) }).toEqual({
    code: changed ?? code,
    type,
    body: normal(expected),
  });
});

/** Of a watch, each event's type and name. */
function watchedOr(path: string, text: string, json: () => unknown): unknown {
  if (!path.includes('watch=true')) return json();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string; object: { metadata: { name: string } } })
    .map(({ type, object }) => `${type} ${object.metadata.name}`);
}

/** What is of its time and place: uids, revisions, times. In messages, uids and the present revision. */
function normal(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => normal(item));
  if (typeof value === 'string') {
    if (['uid', 'resourceVersion', 'creationTimestamp'].includes(key)) return key;
    return value
      .replaceAll(/\b(?!1{8})[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UID')
      .replaceAll(/current: \d+|in record \(\d+\)/g, 'REVISION');
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, normal(item, name)]));
}
