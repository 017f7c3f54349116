import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLab, type Lab } from '../../scripts/lab/lab.ts';
import { run, start, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import type { KubectlVersion } from '../../scripts/lab/kubectl.ts';
import { IMAGES } from '../../scripts/demo/stage.ts';
import { kubectl } from '../support/kubectl.ts';

/** One script of everyday commands, run unchanged by three releases of stock kubectl, each in a namespace of its own. */

let lab: Lab;
let work: string;

beforeAll(async () => {
  work = mkdtempSync('/var/tmp/skerry-kubectl-');
  lab = await createLab({ nodes: 1 });
  await lab.server.boot({ engine: false });
  await lab.startServer();
  const token = await lab.createToken();
  const node = lab.nodes[0]!;
  await node.boot({ engine: true });
  await lab.loadImages(node, IMAGES);
  lab.startAgent(node, '--server', lab.serverUrl, '--token', token);
  await run(kubectl('1.36'), [
    '--kubeconfig',
    lab.kubeconfig,
    'wait',
    '--for=condition=Ready',
    'node/edge-1',
    '--timeout=60s',
  ]).catch(() =>
    waitFor(
      'edge-1 to be Ready',
      async () =>
        (await run(kubectl('1.36'), ['--kubeconfig', lab.kubeconfig, 'get', 'node', 'edge-1'])).includes(' Ready ') || undefined,
    ),
  );
});

afterAll(async () => {
  await lab.remove();
  rmSync(work, { recursive: true, force: true });
});

for (const version of ['1.20', '1.32', '1.36'] as const) describe(`kubectl ${version}`, () => script(version));

function script(version: KubectlVersion): void {
  const namespace = `v${version.replace('.', '-')}`;
  const base = () => ['--kubeconfig', lab.kubeconfig, '--cache-dir', join(work, version)];
  const k = (...argv: readonly string[]) => run(kubectl(version), [...base(), '-n', namespace, ...argv]);
  const refused = async (...argv: readonly string[]) => {
    const { code, stderr } = await tryRun(kubectl(version), [...base(), '-n', namespace, ...argv]);
    expect(code).not.toBe(0);
    return stderr;
  };
  const file = (name: string, text: string) => {
    const path = join(work, `${version}-${name}`);
    writeFileSync(path, text);
    return path;
  };

  const deployment = (image: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: a}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "${image}", resources: {requests: {cpu: 10m, memory: 8Mi}}}
`;

  test('create namespace, configmap, secret', async () => {
    await k('create', 'namespace', namespace);
    expect(await k('create', 'configmap', 'settings', '--from-literal=a=1')).toContain('configmap/settings created');
    expect(await k('create', 'secret', 'generic', 'hidden', '--from-literal=p=q')).toContain('secret/hidden created');
    expect(await k('get', 'configmap', 'settings', '-o', 'jsonpath={.data.a}')).toBe('1');
    expect(await refused('create', 'configmap', 'settings')).toContain('already exists');
  });

  test('apply, diff, apply again', async () => {
    expect(await k('apply', '-f', file('web.yaml', deployment('demo/web:1')))).toContain('created');
    expect(await k('apply', '-f', file('web.yaml', deployment('demo/web:1')))).toContain('unchanged');
    const changed = file('web2.yaml', deployment('demo/web:2'));
    const diff = await tryRun(kubectl(version), [...base(), '-n', namespace, 'diff', '-f', changed]);
    expect(diff.code, diff.stderr).toBe(1);
    expect(diff.stdout).toMatch(/\+\s+- image: demo\/web:2/);
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  test('get in every form', async () => {
    expect(await k('get', 'deploy')).toMatch(/NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2/);
    expect(await k('get', 'deploy', '-o', 'wide')).toMatch(/CONTAINERS\s+IMAGES\s+SELECTOR/);
    expect(await k('get', 'pods', '-l', 'app=web', '-o', 'name')).toMatch(/^pod\/web-/);
    expect(await k('get', 'pods', '-l', 'app!=web')).toBe('');
    expect(await k('get', 'pods', '--field-selector', 'status.phase=Running', '-o', 'name')).toMatch(/^pod\/web-/);
    expect(await k('get', 'deploy', 'web', '-o', 'yaml')).toContain('progressDeadlineSeconds: 600');
    expect(await k('get', 'pods', '-o', 'jsonpath={.items[0].spec.nodeName}')).toBe('edge-1');
    expect(await k('get', 'all')).toContain('deployment.apps/web');
    expect(await k('get', 'nodes', '-o', 'wide')).toContain('docker://');
    expect(await refused('get', 'pod', 'none')).toContain('pods "none" not found');
  });

  test('get -w sees a change', async () => {
    const seen: string[] = [];
    const watch = start(kubectl(version), [...base(), '-n', namespace, 'get', 'configmap', '-w', '--output-watch-events'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    watch.stdout?.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    await waitFor('the watch to begin', () => seen.join('').includes('settings') || undefined);
    await k('create', 'configmap', 'later', '--from-literal=x=y');
    await waitFor('the watch to see the new configmap', () => /ADDED\s+later/.test(seen.join('')) || undefined);
    watch.kill();
  });

  test('describe', async () => {
    const pod = (await k('get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
    const text = await k('describe', 'pod', pod);
    expect(text).toMatch(/Status:\s+Running/);
    expect(text).toContain('Scheduled');
    expect(await k('describe', 'deployment', 'web')).toContain('NewReplicaSet');
    expect(await k('describe', 'node', 'edge-1')).toContain('Allocated resources');
  });

  test('label, annotate, patch in three ways', async () => {
    await k('label', 'deploy', 'web', 'tier=front');
    await k('annotate', 'deploy', 'web', 'note=hello');
    await k(
      'patch',
      'deploy',
      'web',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
    );
    await k('patch', 'deploy', 'web', '--type=merge', '-p', '{"metadata":{"labels":{"team":null}}}');
    await k('patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"replace","path":"/spec/revisionHistoryLimit","value":3}]');
    const web = JSON.parse(await k('get', 'deploy', 'web', '-o', 'json'));
    expect(web.metadata.labels).toEqual({ tier: 'front' });
    expect(web.metadata.annotations.note).toBe('hello');
    expect(web.spec.template.spec.containers[0]).toMatchObject({ image: 'demo/web:1', env: [{ name: 'A', value: '1' }] });
    expect(web.spec.revisionHistoryLimit).toBe(3);
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  test('scale, set image, rollout history, undo, restart', async () => {
    await k('scale', 'deploy', 'web', '--replicas=3');
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
    await k('set', 'image', 'deployment/web', 'web=demo/web:2');
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await k('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe('demo/web:2');
    expect((await k('rollout', 'history', 'deployment/web')).match(/^\d+/gm)?.length).toBeGreaterThanOrEqual(2);
    await k('rollout', 'undo', 'deployment/web');
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await k('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe('demo/web:1');
    await k('rollout', 'restart', 'deployment/web');
    await k('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  test('run, wait, logs', async () => {
    await k(
      'run',
      'talk',
      '--image=demo/web:1',
      '--restart=Always',
      '--',
      'sh',
      '-c',
      'for i in 1 2 3; do echo line $i; done; sleep 2; echo bye; exit 3',
    );
    await k('wait', '--for=condition=Ready', 'pod/talk', '--timeout=60s');
    expect(await k('logs', 'talk', '--tail=1')).toMatch(/line 3|bye/);
    await waitFor(
      'a second attempt',
      async () =>
        Number(await k('get', 'pod', 'talk', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')) > 0 || undefined,
      60_000,
      300,
    );
    expect(await k('logs', 'talk', '--previous')).toBe('line 1\nline 2\nline 3\nbye\n');
    await k('run', 'slow', '--image=demo/web:1', '--restart=Never', '--', 'sh', '-c', 'echo one; sleep 1; echo two');
    await k('wait', '--for=condition=Ready', 'pod/slow', '--timeout=60s').catch(() => undefined);
    expect(await k('logs', '-f', 'slow')).toBe('one\ntwo\n');
    await k('delete', 'pod', 'talk', 'slow', '--now');
  });

  test('explain, cordon, uncordon', async () => {
    expect(await k('explain', 'pod.spec.containers.image')).toMatch(/image/i);
    await k('cordon', 'edge-1');
    expect(await k('get', 'node', 'edge-1')).toContain('SchedulingDisabled');
    await k('uncordon', 'edge-1');
    expect(await k('get', 'node', 'edge-1')).not.toContain('SchedulingDisabled');
  });

  test('a malformed manifest gives one clear error', async () => {
    const wrong = file('wrong.yaml', deployment('demo/web:1').replace('replicas: 2', 'replicaz: 2'));
    expect(await refused('apply', '-f', wrong)).toMatch(/unknown field/);
    expect(
      await refused('apply', '-f', file('bad.yaml', deployment('').replace('name: web, labels', 'name: BAD_NAME, labels'))),
    ).toMatch(/Invalid value|invalid/);
  });

  test('delete what is there, and the namespace with all in it', async () => {
    expect(await k('delete', 'deploy', 'web', '--timeout=60s')).toContain('deleted');
    await k('delete', 'namespace', namespace, '--timeout=60s');
    expect(await refused('get', 'namespace', namespace)).toContain('not found');
  });
}
