import { Writable } from 'node:stream';
import {
  CoreV1Api,
  KubeConfig,
  Log,
  PatchStrategy,
  makeInformer,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Pod,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab } from '../../scripts/lab/lab.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { IMAGES } from '../../scripts/demo/stage.ts';

/** The official JavaScript client against a real server and node: list, informer, patch, log. */

const namespace = 'default';

let lab: Lab;
let config: KubeConfig;
let core: CoreV1Api;

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  await lab.server.boot({ engine: false });
  await lab.startServer();
  const node = lab.nodes[0]!;
  await node.boot({ engine: true });
  await lab.loadImages(node, IMAGES);
  lab.startAgent(node, '--server', lab.serverUrl, '--token', await lab.createToken());
  config = new KubeConfig();
  config.loadFromFile(lab.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});

afterAll(() => lab.remove());

test('list in pages', async () => {
  for (const name of ['a', 'b', 'c'])
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { set: 'pages' } }, data: { name } } });
  const first = await core.listNamespacedConfigMap({ namespace, labelSelector: 'set=pages', limit: 2 });
  expect(first.items.map(({ metadata }) => metadata?.name)).toEqual(['a', 'b']);
  const rest = await core.listNamespacedConfigMap({
    namespace,
    labelSelector: 'set=pages',
    limit: 2,
    _continue: first.metadata?._continue ?? '',
  });
  expect(rest.items.map(({ metadata }) => metadata?.name)).toEqual(['c']);
});

test('an informer sees additions, changes and deletions', async () => {
  const seen: string[] = [];
  const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
    core.listNamespacedConfigMap({ namespace }),
  );
  for (const event of ['add', 'update', 'delete'] as const)
    informer.on(event, (object) => seen.push(`${event} ${object.metadata?.name}`));
  informer.on('error', (error: unknown) => seen.push(`error ${String(error)}`));
  await informer.start();
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'news' } } });
  await waitFor('the addition', () => seen.includes('add news') || undefined);
  await core.patchNamespacedConfigMap(
    { namespace, name: 'news', body: { data: { x: 'y' } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  await waitFor('the change', () => seen.includes('update news') || undefined);
  await core.deleteNamespacedConfigMap({ namespace, name: 'news' });
  await waitFor('the deletion', () => seen.includes('delete news') || undefined);
  await informer.stop();
});

test('a pod is created, patched, logged and deleted', async () => {
  const body: V1Pod = {
    metadata: { name: 'hello' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'hello', image: 'demo/web:1', command: ['sh', '-c', 'echo hello from the edge; sleep 600'] }],
    },
  };
  await core.createNamespacedPod({ namespace, body });
  await waitFor(
    'the pod to run',
    async () => (await core.readNamespacedPod({ namespace, name: 'hello' })).status?.phase === 'Running' || undefined,
    60_000,
  );
  await core.patchNamespacedPod(
    { namespace, name: 'hello', body: [{ op: 'add', path: '/metadata/labels', value: { seen: 'yes' } }] },
    setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
  );
  expect((await core.readNamespacedPod({ namespace, name: 'hello' })).metadata?.labels).toEqual({ seen: 'yes' });
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  // It ends with the container: an abort of this client's stream is an error nobody can catch.
  await new Log(config).log(namespace, 'hello', 'hello', sink, { follow: true });
  await waitFor('the log line', () => Buffer.concat(chunks).toString().includes('hello from the edge') || undefined);
  await core.deleteNamespacedPod({ namespace, name: 'hello' });
  await waitFor(
    'the pod to be gone',
    () =>
      core.readNamespacedPod({ namespace, name: 'hello' }).then(
        () => undefined,
        (error: { readonly code?: number }) => error.code === 404 || undefined,
      ),
    60_000,
  );
});
