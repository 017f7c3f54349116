import { afterAll, beforeAll, expect, test } from 'vitest';
import { AS_ANONYMOUS, startApiWorld, type ApiWorld, type Reply } from '../../test/support/api-world.ts';

/** The pipeline over HTTP: what the recorded answers do not show. */
const MAPS = '/api/v1/namespaces/default/configmaps';

let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld();
});
afterAll(() => world.stop());

const configMap = (name: string, rest: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...rest });

async function checkRefused(reply: Promise<Reply>, code: number, message: string | RegExp): Promise<void> {
  const { status, json } = await reply;
  expect({ status, ...(json() as object) }).toMatchObject({
    status: 'Failure',
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
  expect(status).toBe(code);
}

const namesOf = (reply: Reply) =>
  (reply.json() as { readonly items: readonly { readonly metadata: { readonly name: string } }[] }).items.map(
    ({ metadata }) => metadata.name,
  );

test('a warning may hold any character; kubectl shows it as it was', async () => {
  const reply = await world.call('POST', MAPS, configMap('warned', { 'größe "☃"\n': 1 }));
  expect(reply.status).toBe(201);
  const sent = Buffer.from(reply.headers.get('warning') ?? '', 'latin1').toString();
  expect(sent).toBe(String.raw`299 - "unknown field \"größe \"☃\" \""`);
});

test('a dry run changes nothing, on every verb and however it is asked for', async () => {
  await world.call('POST', MAPS, configMap('dry', { data: { a: '1' } }));
  const before = (await world.call('GET', `${MAPS}/dry`)).text;
  const merge = { 'content-type': 'application/merge-patch+json' };
  const replies = [
    await world.call('POST', `${MAPS}?dryRun=All`, configMap('never')),
    await world.call('PUT', `${MAPS}/dry?dryRun=All`, configMap('dry', { data: { a: '2' } })),
    await world.call('PATCH', `${MAPS}/dry?dryRun=All`, { data: { a: '3' } }, merge),
    await world.call('DELETE', `${MAPS}/dry?dryRun=All`),
    await world.call('DELETE', `${MAPS}/dry`, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }),
    await world.call('DELETE', `${MAPS}?labelSelector=x`, { dryRun: ['All'] }),
  ];
  expect(replies.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200, 200]);
  expect((await world.call('GET', `${MAPS}/dry`)).text).toBe(before);
  expect((await world.call('GET', `${MAPS}/never`)).status).toBe(404);
  await checkRefused(world.call('DELETE', `${MAPS}/dry`, { dryRun: ['Most'] }), 422, /dryRun: Unsupported value/);
});

test('the ways of deleting exclude one another', async () => {
  await world.call('POST', MAPS, configMap('kept'));
  const both = { propagationPolicy: 'Foreground', orphanDependents: true };
  await checkRefused(world.call('DELETE', `${MAPS}/kept`, both), 422, /cannot be both set/);
  await checkRefused(
    world.call('DELETE', `${MAPS}/kept?propagationPolicy=Sideways`),
    422,
    /"Foreground", "Background", "Orphan"/,
  );
  await checkRefused(world.call('DELETE', `${MAPS}/kept?gracePeriodSeconds=soon`), 400, /whole number/);
});

test('who changes his mind about dependents while an object is going is heard', async () => {
  await world.call('POST', MAPS, configMap('going'));
  const finalizers = async (policy: string) => {
    const reply = await world.call('DELETE', `${MAPS}/going?propagationPolicy=${policy}`);
    return (reply.json() as { readonly metadata: { readonly finalizers?: readonly string[] } }).metadata.finalizers;
  };
  expect(await finalizers('Foreground')).toEqual(['foregroundDeletion']);
  expect(await finalizers('Orphan')).toEqual(['orphan']);
});

test('numbers and times are those of Go: no more than fits, no other form', async () => {
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
  const deployment = (spec: object) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'numbers' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      ...spec,
    },
  });
  const checkNumbers = (spec: object, message: RegExp) =>
    checkRefused(world.call('POST', DEPLOYMENTS, deployment(spec)), 400, message);
  await checkNumbers({ replicas: 2 ** 31 }, /spec\.replicas: expected int32, found 2147483648/);
  await checkNumbers({ replicas: 1.5 }, /spec\.replicas: expected int32, found 1\.5/);
  await checkNumbers({ strategy: { rollingUpdate: { maxSurge: 2 ** 31 } } }, /maxSurge: expected int32 or string/);
  const endless = { template: { metadata: { labels: { a: 'b' } }, spec: { terminationGracePeriodSeconds: 1e300 } } };
  await checkNumbers(endless, /terminationGracePeriodSeconds: expected int64/);
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' }, spec: { renewTime: '2026' } };
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  await checkRefused(world.call('POST', LEASES, lease), 400, /renewTime: expected a time/);
});

test('a pod may take longer than any calendar reaches', async () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'patient' } };
  const spec = { nodeName: 'n', terminationGracePeriodSeconds: 1e15, containers: [{ name: 'c', image: 'i' }] };
  const PODS = '/api/v1/namespaces/default/pods';
  await world.call('POST', PODS, { ...pod, spec });
  const reply = await world.call('DELETE', `${PODS}/patient`);
  expect(reply.status).toBe(200);
  expect(reply.json()).toMatchObject({ metadata: { deletionTimestamp: expect.stringMatching(/^2\d{3}-/) } });
});

test('a collection is deleted by its selectors alone', async () => {
  for (const name of ['red-1', 'red-2', 'blue'])
    await world.call('POST', MAPS, { ...configMap(name), metadata: { name, labels: { colour: name.slice(0, 3) } } });
  const reply = await world.call('DELETE', `${MAPS}?labelSelector=colour%3Dred`);
  expect(namesOf(reply)).toEqual(['red-1', 'red-2']);
  expect(namesOf(await world.call('GET', `${MAPS}?labelSelector=colour`))).toEqual(['blue']);
});

test('a list goes on where it stopped, at the revision it began with', async () => {
  const made = ['page-a', 'page-b', 'page-c', 'page-d'];
  for (const name of made) await world.call('POST', MAPS, { ...configMap(name), metadata: { name, labels: { part: 'pages' } } });
  const query = `${MAPS}?labelSelector=part%3Dpages&limit=2`;
  const first = await world.call('GET', query);
  const { continue: token = '' } = (first.json() as { readonly metadata: { readonly continue?: string } }).metadata;
  await world.call('DELETE', `${MAPS}/page-d`);
  const second = await world.call('GET', `${query}&continue=${token}`);
  expect([...namesOf(first), ...namesOf(second)]).toEqual(made);
  expect(second.json()).not.toHaveProperty('metadata.continue');
});

test('a PUT names the revision that it replaces, or none where the kind allows it', async () => {
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const lease = (metadata: object) => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} });
  const put = (metadata: object) => world.call('PUT', `${LEASES}/held`, lease({ name: 'held', ...metadata }));
  await checkRefused(put({ uid: 'of-another' }), 409, /UID in precondition: of-another, UID in object meta: $/);
  const created = await put({ resourceVersion: '7' });
  expect(created.status).toBe(201);
  const { resourceVersion, uid } = (created.json() as { readonly metadata: Record<string, string> }).metadata;
  for (const absent of [{}, { resourceVersion: '' }, { resourceVersion: '0' }]) {
    await checkRefused(
      put(absent),
      422,
      'leases.coordination.k8s.io "held" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    );
  }
  await checkRefused(put({ resourceVersion: '7' }), 409, /the object has been modified/);
  expect((await put({ resourceVersion, uid, labels: { a: 'b' } })).status).toBe(200);
  const merge = { 'content-type': 'application/merge-patch+json' };
  expect((await world.call('PATCH', `${LEASES}/held`, { spec: { holderIdentity: 'x' } }, merge)).status).toBe(200);
  await checkRefused(world.call('PATCH', `${LEASES}/held`, { metadata: { resourceVersion: null } }, merge), 422, /0x0/);
  await world.call('POST', MAPS, configMap('unconditional'));
  const map = configMap('unconditional', { metadata: { name: 'unconditional', resourceVersion: '0' } });
  expect((await world.call('PUT', `${MAPS}/unconditional`, map)).status).toBe(200);
});

test('options of a write are checked, all at once', async () => {
  const asked = (query: string) => world.call('POST', `${MAPS}?${query}`, configMap('never'));
  await checkRefused(
    asked('fieldValidation=Maybe'),
    422,
    'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
  );
  await checkRefused(
    asked(`fieldManager=${'x'.repeat(129)}&fieldValidation=x`),
    422,
    /^.*: \[fieldManager: Too long: may not be more than 128 bytes, fieldValidation: Unsupported value/,
  );
  await checkRefused(
    asked('fieldManager=%C3%A9%07'),
    422,
    String.raw`CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "é\a": invalid character U+0007 (at position 2)`,
  );
  const merge = { 'content-type': 'application/merge-patch+json' };
  await checkRefused(
    world.call('PATCH', `${MAPS}/nobody?force=true`, {}, merge),
    422,
    /force: Forbidden: may not be specified for non-apply patch/,
  );
  expect((await world.call('GET', `${MAPS}?dryRun=Most&fieldValidation=Maybe`)).status).toBe(200);
});

test('an object is of the place that the URL names; what lives in no namespace names one in vain', async () => {
  await world.call('POST', MAPS, configMap('placed'));
  const put = (metadata: object) => world.call('PUT', `${MAPS}/placed`, { ...configMap(''), metadata });
  await checkRefused(put({}), 400, 'the name of the object (placed based on URL) was undeterminable: name must be provided');
  const elsewhere = 'the namespace of the object (team) does not match the namespace on the request (default)';
  await checkRefused(put({ name: 'placed', namespace: 'team' }), 400, elsewhere);
  const merge = { 'content-type': 'application/merge-patch+json' };
  await checkRefused(world.call('PATCH', `${MAPS}/placed`, { metadata: { namespace: 'team' } }, merge), 400, elsewhere);
  const kept = await put({ name: 'placed', namespace: '', uid: '', creationTimestamp: '2001-01-01T00:00:00Z' });
  expect(kept.status).toBe(200);
  expect(kept.json()).toMatchObject({ metadata: { namespace: 'default', uid: expect.stringMatching(/.{36}/) } });
  expect(kept.text).not.toContain('2001');
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'placed', namespace: 'default' } };
  const created = await world.call('POST', '/api/v1/nodes', node);
  expect({ status: created.status, ...(created.json() as object) }).not.toHaveProperty('metadata.namespace');
  expect(
    (await world.call('PUT', '/api/v1/nodes/placed', { ...node, metadata: { ...node.metadata, labels: { a: 'b' } } })).json(),
  ).toMatchObject({
    metadata: { labels: { a: 'b' } },
  });
});

test('a name is generated until one is free; a name too long is cut', async () => {
  const generated = await world.call('POST', MAPS, { ...configMap(''), metadata: { generateName: 'x'.repeat(80) } });
  const { name } = (generated.json() as { readonly metadata: { readonly name: string } }).metadata;
  expect(name).toMatch(/^x{58}[a-z0-9]{5}$/);
});

test('a field that is not there is refused, told of, or left out, as asked', async () => {
  const body = configMap('strict', { dta: { a: 'b' } });
  await checkRefused(
    world.call('POST', `${MAPS}?fieldValidation=Strict`, body),
    400,
    /strict decoding error: unknown field "dta"/,
  );
  const warned = await world.call('POST', `${MAPS}?dryRun=All`, body);
  expect(warned.headers.get('warning')).toContain('unknown field');
  const ignored = await world.call('POST', `${MAPS}?dryRun=All&fieldValidation=Ignore`, body);
  expect(ignored.headers.get('warning')).toBeNull();
});

test('a cluster IP of our choice gives way, a node port of theirs does not', async () => {
  const SERVICES = '/api/v1/namespaces/default/services';
  const service = (name: string, nodePort?: number) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { type: 'NodePort', ports: [{ port: 80, ...(nodePort === undefined ? {} : { nodePort }) }] },
  });
  expect((await world.call('POST', SERVICES, service('one', 30_080))).status).toBe(201);
  await checkRefused(
    world.call('POST', SERVICES, service('two', 30_080)),
    422,
    /nodePort: Invalid value: "?30080"?: provided port is already allocated|already allocated/,
  );
  expect((await world.call('POST', SERVICES, service('two'))).status).toBe(201);
});

test('the status door writes the status, and owners as little as the spec', async () => {
  const PODS = '/api/v1/namespaces/default/pods';
  await world.call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  const spec = { containers: [{ name: 'a', image: 'app' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'told', resourceVersion: '0' }, spec };
  expect((await world.call('POST', PODS, pod)).status).toBe(201);
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u' };
  const reply = await world.call('PUT', `${PODS}/told/status`, {
    ...pod,
    metadata: { name: 'told', labels: { a: 'b' }, ownerReferences: [owner] },
    spec: { containers: [{ name: 'b', image: 'other' }] },
    status: { phase: 'Running' },
  });
  expect(reply.status, reply.text).toBe(200);
  expect(reply.json()).toMatchObject({ metadata: { labels: { a: 'b' } }, spec, status: { phase: 'Running' } });
  expect(reply.json()).not.toHaveProperty('metadata.ownerReferences');
});

test('a binding names the node and says that the pod is scheduled, in one write', async () => {
  const PODS = '/api/v1/namespaces/default/pods';
  const spec = { containers: [{ name: 'a', image: 'app' }] };
  await world.call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  await world.call('POST', PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bound' }, spec });
  const target = { kind: 'Node', name: 'n1' };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target };
  expect((await world.call('POST', `${PODS}/bound/binding`, binding)).status).toBe(201);
  expect((await world.call('GET', `${PODS}/bound`)).json()).toMatchObject({
    spec: { nodeName: 'n1' },
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }] },
  });
  await checkRefused(world.call('POST', `${PODS}/bound/binding`, binding), 409, /already assigned to node/);
});

test('what one user sees no proxy keeps for another', async () => {
  const headersOf = async (path: string, headers: Record<string, string> = {}) =>
    (await world.call('GET', path, undefined, headers)).headers;
  for (const path of [MAPS, '/version', '/nothing', `${MAPS}?watch=1&timeoutSeconds=1`])
    expect((await headersOf(path)).get('cache-control'), path).toBe('no-cache, private');
  expect((await headersOf('/openapi/v2', { 'accept-encoding': 'gzip' })).get('vary')).toBe('Accept, Accept-Encoding');
});

test('large answers are zipped for those who take it so', async () => {
  await world.call('POST', MAPS, configMap('large', { data: { a: 'x'.repeat(300_000) } }));
  const encodingOf = async (accepted: string) =>
    (await world.call('GET', `${MAPS}/large`, undefined, { 'accept-encoding': accepted })).headers.get('content-encoding');
  expect(await encodingOf('gzip, deflate')).toBe('gzip');
  expect(await encodingOf('*')).toBe('gzip');
  expect(await encodingOf('gzip;q=0, *')).toBeNull();
  expect(await encodingOf('identity')).toBeNull();
});

test('people get JSON with indents', async () => {
  const prettyOf = async (query: string, agent: string) =>
    (await world.call('GET', `/version${query}`, undefined, { 'user-agent': agent })).text.includes('\n  "major"');
  expect(await prettyOf('', 'curl/8.0')).toBe(true);
  expect(await prettyOf('?pretty=false', 'curl/8.0')).toBe(false);
  expect(await prettyOf('?pretty=true', 'kubectl/v1.36')).toBe(true);
  expect(await prettyOf('', 'kubectl/v1.36')).toBe(false);
});

test('a path is what it says: no slash is overlooked', async () => {
  for (const path of ['//api/v1/configmaps', '/api//v1/configmaps', '/api/v1//configmaps', '/api/v1/%zz'])
    expect((await world.call('GET', path)).status).toBe(404);
});

test('what this release does not have is told as that', async () => {
  const PODS = '/api/v1/namespaces/default/pods';
  await checkRefused(
    world.call('POST', `${PODS}/web/exec?command=ls`),
    404,
    'the server could not find the requested resource: pods/exec is not served by this release of Skerry',
  );
  const apply = { 'content-type': 'application/apply-patch+yaml' };
  await checkRefused(
    world.call('PATCH', `${MAPS}/any?fieldManager=me&force=true`, '{}', apply),
    415,
    'server-side apply is not supported by this release of Skerry; apply without it (kubectl apply without --server-side)',
  );
  await checkRefused(
    world.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {}),
    405,
    /^custom resources are not supported/,
  );
});

test('a Scale has columns of its own', async () => {
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'app' }] } };
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
  const spec = { replicas: 3, selector: { matchLabels: labels }, template };
  await world.call('POST', DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const { columnDefinitions, rows } = (await world.call('GET', `${DEPLOYMENTS}/web/scale`, undefined, table)).json() as {
    readonly columnDefinitions: readonly { readonly name: string }[];
    readonly rows: readonly { readonly cells: readonly unknown[] }[];
  };
  expect(columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Desired', 'Available', 'Age']);
  expect(rows.map(({ cells }) => cells.slice(0, 3))).toEqual([['web', 3, 0]]);
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 1 } };
  const put = (metadata: object) =>
    world.call('PUT', `${DEPLOYMENTS}/web/scale`, { ...scale, metadata: { name: 'web', ...metadata } });
  await checkRefused(put({ uid: 'of-another' }), 409, /UID in precondition: of-another/);
  await checkRefused(put({ resourceVersion: '1' }), 409, /has been modified/);
  expect((await put({})).json()).toMatchObject({ kind: 'Scale', spec: { replicas: 1 } });
});

test('who impersonates is somebody else altogether, or refused', async () => {
  const as = (headers: Record<string, string>, method = 'GET', path = MAPS) =>
    world.call(
      method,
      path,
      undefined,
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [`Impersonate-${name}`, value])),
    );
  const cannot = (who: string) =>
    `configmaps is forbidden: User "${who}" cannot list resource "configmaps" in API group "" in the namespace "default"`;
  await checkRefused(as({ User: 'bob' }), 403, cannot('bob'));
  await checkRefused(as({ User: 'bob', Group: 'dev', Uid: '7', 'Extra-Some%2Fkey': 'a' }), 403, cannot('bob'));
  await checkRefused(as({ User: 'system:serviceaccount:default:sa' }), 403, cannot('system:serviceaccount:default:sa'));
  await checkRefused(as({ User: 'system:anonymous' }, 'GET', '/apis'), 403, /cannot get path "\/apis"/);
  expect((await as({ User: 'bob' }, 'GET', '/apis')).status).toBe(200);
  expect((await as({ User: 'bob', Group: 'dev, system:masters' })).status).toBe(200);
  await checkRefused(as({ Group: 'system:masters' }), 400, /without impersonating a user/);
  await checkRefused(as({ 'Extra-x': 'y' }), 400, /without impersonating a user/);
  const weak = async (headers: Record<string, string>) =>
    world.call('GET', '/version', undefined, { ...headers, ...AS_ANONYMOUS });
  const nobody = 'is forbidden: User "system:anonymous" cannot impersonate resource';
  await checkRefused(
    weak({ 'impersonate-user': 'kubernetes-admin', 'impersonate-group': 'system:masters' }),
    403,
    `users "kubernetes-admin" ${nobody} "users" in API group "" at the cluster scope`,
  );
  await checkRefused(
    weak({ 'impersonate-user': 'system:serviceaccount:default:sa' }),
    403,
    `serviceaccounts "sa" ${nobody} "serviceaccounts" in API group "" in the namespace "default"`,
  );
});
