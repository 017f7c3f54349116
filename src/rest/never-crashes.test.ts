import fc from 'fast-check';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN, startApiWorld, type ApiWorld } from '../../test/support/api-world.ts';
import { textOfChunks } from '../../test/support/text-of-chunks.ts';
import { text } from './answer.ts';
import type { Answer } from './request.ts';

/** Whatever is asked is answered: never with a 500, never with nothing, and a refusal of the API is always a Status. */
let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({ connectors: { 'pods/log': async () => text(200, '') } });
  await world.call('POST', '/api/v1/namespaces/default/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x' },
  });
});
afterAll(() => world.stop());

/** Words apart by spaces, and those that hold one or are none. */
const words = (text: string, ...others: readonly string[]): readonly string[] => [...text.trim().split(/\s+/), ...others];

const WORDS = words(
  `
  api apis v1 apps openapi v2 v3 healthz version namespaces default configmaps nodes pods deployments
  apiextensions.k8s.io customresourcedefinitions status scale log binding finalize x .. %2F %00 %zz % constructor
  __proto__ toString ☃ ~
`,
  '',
  'A b',
);
const NAMES = words(`
  labelSelector fieldSelector limit continue resourceVersion resourceVersionMatch sendInitialEvents watch timeoutSeconds
  allowWatchBookmarks dryRun fieldValidation fieldManager force propagationPolicy orphanDependents gracePeriodSeconds
  pretty includeObject container tailLines exclude verbose __proto__
`);
const VALUES = words(
  `
  -1 0 1 1e9 99999999999999999999 true false a=b, __proto__=x constructor metadata.name=x All Exact NotOlderThan Strict
  Orphan eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYS9iIn0
`,
  '',
  'a in (',
  '\u{0}',
);
const MEDIA = words(
  `
  application/json application/yaml application/vnd.kubernetes.protobuf application/json-patch+json text/html
  application/merge-patch+json application/strategic-merge-patch+json application/apply-patch+yaml */* ;;,= constructor
  application/json;as=Table;v=v1;g=meta.k8s.io application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io
  application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList
`,
  '',
);

const word = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...WORDS) }, fc.string());
const segments = fc.oneof(
  fc.array(word, { maxLength: 8 }),
  fc
    .tuple(fc.constantFrom(['api', 'v1'], ['apis', 'apps', 'v1']), fc.array(word, { maxLength: 5 }))
    .map(([root, rest]) => [...root, ...rest]),
);
const query = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.oneof(fc.constantFrom(...VALUES), fc.string())), { maxLength: 4 });
const media = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...MEDIA) }, fc.string());
const headers = fc.record(
  {
    accept: media,
    'content-type': media,
    'user-agent': fc.constantFrom('curl/8', 'kubectl/v1.36', ''),
    'if-none-match': fc.string(),
    authorization: fc.string(),
    'impersonate-user': fc.string(),
    'impersonate-extra-%': fc.string(),
  },
  { requiredKeys: [] },
);
const operation = fc.record({
  op: fc.constantFrom('add', 'copy', 'move', 'test', 'x'),
  path: fc.string(),
  from: fc.string(),
  value: fc.jsonValue(),
});
const json = fc.oneof(
  fc.jsonValue(),
  fc.array(operation),
  fc.record({
    apiVersion: fc.constantFrom('v1', 'apps/v1', 1),
    kind: fc.constantFrom('ConfigMap', 'Pod'),
    metadata: fc.jsonValue(),
  }),
);
const body = fc.oneof(
  json.map((value) => Buffer.from(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 200 }),
);
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'constructor', '');

test('no method, path, query, header or body is answered with a 500 or by nothing', async () => {
  await fc.assert(
    fc.asyncProperty(method, segments, query, headers, body, async (verb, parts, pairs, given, bytes) => {
      const gone = new AbortController();
      const answer = await world.api.handle({
        method: verb,
        path: `/${parts.join('/')}`,
        query: new URLSearchParams(pairs),
        headers: given,
        body: bytes,
        user: ADMIN.user,
        signal: gone.signal,
      });
      gone.abort();
      const said = await textOf(answer);
      expect(answer.status, said).toBeLessThan(500);
      if (answer.status < 400 || said === '404 page not found\n') return;
      expect(JSON.parse(said)).toMatchObject({
        kind: 'Status',
        status: 'Failure',
        code: answer.status,
        message: expect.stringMatching(/./),
      });
    }),
    { numRuns: 2_000 },
  );
});

async function textOf(answer: Answer): Promise<string> {
  if (answer.type === 'stream') return textOfChunks(answer.chunks);
  return typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body).toString();
}

test('what no client library would send', async () => {
  const target = new URL(world.url);
  const send = (request: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(target.port), target.hostname);
      let said = '';
      socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
      socket.on('close', () => resolve(said.split('\r\n')[0] ?? ''));
      socket.on('error', reject);
      socket.end(request);
    });
  const end = 'HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  expect(await send(`GET http://elsewhere/api ${end}`)).toBe('HTTP/1.1 400 Bad Request');
  expect(await send(`OPTIONS * ${end}`)).toBe('HTTP/1.1 400 Bad Request');
  expect(await send(`GET //elsewhere/api ${end}`)).toBe('HTTP/1.1 404 Not Found');
  expect(await send(`GET /api/v1/../../version ${end}`)).toBe('HTTP/1.1 404 Not Found');
  expect(await send(`GET /version?%zz=%&=&&? ${end}`)).toBe('HTTP/1.1 200 OK');
  expect(await send(`GET /api/v1/nodes?labelSelector=%ff ${end}`)).toBe('HTTP/1.1 400 Bad Request');
});
