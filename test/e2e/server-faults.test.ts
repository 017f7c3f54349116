import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** What goes wrong at the server: its database is damaged, rolled back or lost, its disk is full. No node deletes anything for that. */
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1);
  await world.join(edge());
  await world.create(deployment('web', 3));
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
});
afterAll(() => world.lab.remove());

const edge = () => firstNode(world);

const dataDir = () => join(world.lab.server.disk, 'skerry');
const stateFile = () => join(dataDir(), 'server', 'state.db');
const onServer = (script: string) => world.lab.server.exec('/bin/sh', '-c', script);
const idsOf = async () => (await appContainers(edge())).map(({ id }) => id).toSorted();
const confirm = () => world.lab.skerry('confirm', '--data-dir', dataDir());
const countPods = async () => (await world.kubectl('get', 'pods', '-o', 'name')).split('\n').filter((line) => line !== '').length;

/** The node has heard of the present database: its pods are known, or it was asked for all it has. */
const linked = () => waitForNode(world, edge().name, 'True', 120_000);

test('kill -9 between acknowledged writes loses none', async () => {
  for (let turn = 0; turn < 3; turn += 1) {
    await world.kubectl('create', 'configmap', `kept-${turn}`, '--from-literal=a=b');
    await world.lab.stopServer('SIGKILL');
    await world.lab.startServer();
  }
  expect(await world.kubectl('get', 'configmap', 'kept-0', 'kept-1', 'kept-2', '-o', 'name')).toContain('kept-2');
  await linked();
});

test('an old backup: the node shows that it is old, and removes nothing until it is confirmed', async () => {
  await world.lab.stopServer();
  await onServer(`mkdir ${dataDir()}/backup && cp -a ${dataDir()}/server/state.db* ${dataDir()}/backup/`);
  await world.lab.startServer();
  await linked();
  await world.create(deployment('later', 2));
  await world.kubectl('rollout', 'status', 'deployment/later', '--timeout=60s');
  const before = await idsOf();
  expect(before).toHaveLength(5);
  await world.lab.stopServer();
  await onServer(`rm -f ${stateFile()}* && cp -a ${dataDir()}/backup/. ${dataDir()}/server/`);
  await world.lab.startServer();
  await linked();
  await waitFor('the server to see that its database is old', async () =>
    (await onServer(`grep -c incarnation ${world.lab.server.logFile('server')} || true`)).trim() === '0' ? undefined : true,
  );
  expect(await countPods()).toBe(3);
  expect(await idsOf()).toEqual(before);
  await confirm();
  await waitFor(
    'what the confirmed database does not have to be removed',
    async () => ((await idsOf()).length === 3 ? true : undefined),
    60_000,
  );
  expect(before).toEqual(expect.arrayContaining([...(await idsOf())]));
});

test('a damaged database is set aside, never deleted; what runs goes on until the new one is confirmed', async () => {
  const before = await idsOf();
  await world.lab.stopServer('SIGKILL');
  await onServer(
    `rm -f ${stateFile()}-wal; dd if=/dev/urandom of=${stateFile()} bs=4096 seek=1 count=8 conv=notrunc 2>/dev/null`,
  );
  await world.lab.startServer();
  await world.logged(world.lab.server, 'server', 'the database was damaged and is set aside');
  expect(readdirSync(join(dataDir(), 'server')).filter((name) => name.startsWith('state.db.'))).not.toEqual([]);
  await linked();
  expect(await countPods()).toBe(0);
  expect(await idsOf()).toEqual(before);
  await confirm();
  await waitFor(
    'what nobody wants any more to be removed',
    async () => ((await idsOf()).length === 0 ? true : undefined),
    60_000,
  );
});

test('a full disk: writes are refused and say why, reads go on, and with room all is well', async () => {
  await world.lab.stopServer();
  const disk = `${dataDir()}/server`;
  // A small disk in place of the large one, with what was there.
  await onServer(`cp -a ${disk} ${disk}.large && mount -t tmpfs -o size=12m tmpfs ${disk} && cp -a ${disk}.large/. ${disk}/`);
  await world.lab.startServer();
  await world.kubectl('create', 'configmap', 'early', '--from-literal=a=b');
  await onServer(`dd if=/dev/zero of=${disk}/filling bs=4096 2>/dev/null || true`);
  const filling = 'x'.repeat(200_000);
  const refusal = await waitFor('a write to be refused', async () => {
    const name = `late-${performance.now()}`.replace('.', '-');
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { filling } };
    return await world.create(object).then(
      () => undefined,
      (error: Error) => error.message,
    );
  });
  expect(refusal).toMatch(/disk is full/);
  expect(await world.kubectl('get', 'configmap', 'early', '-o', 'jsonpath={.data.a}')).toBe('b');
  const { stdout } = await tryRun('curl', ['-sk', `${world.lab.serverUrl}/readyz`]);
  expect(stdout).toMatch(/\[-\]store failed: .*disk is full/);
  await onServer(`rm ${disk}/filling`);
  await waitFor('writes to go through', async () => {
    await world.kubectl('create', 'configmap', 'after', '--from-literal=a=b');
    return true;
  });
  await world.lab.stopServer('SIGKILL');
  await world.lab.startServer();
  expect(await world.kubectl('get', 'configmap', 'early', 'after', '-o', 'name')).toContain('after');
});
