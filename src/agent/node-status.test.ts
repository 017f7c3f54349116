import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { createFakeEngine } from '../../test/support/fake-runtime.ts';
import { NODE_ITEM } from '../../test/support/fake-node.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { createMemoryLedger } from '../../test/support/memory-ledger.ts';
import { parseLan } from '#api/kinds/node-lan.ts';
import type { NodeReport } from '#api/link/reports.ts';
import { systemClock } from '#lib/clock.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { createNodeStatus } from './node-status.ts';
import { readMachine, takeReadings } from './node/machine.ts';
import type { EngineHealth } from './sight.ts';

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = systemClock.monotonic() + 5_000;
  while (!condition()) {
    if (systemClock.monotonic() > deadlineMs) throw new Error('waited in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const LAN = '192.0.2.7/24=52:54:00:00:00:07';

test('the node tells what it is, once, and then what changes', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  const engine = createFakeEngine(clock);
  engine.addImage('busybox:1');
  let health: EngineHealth | undefined;
  let looks = 0;
  let [address, changes] = ['192.0.2.7', 0];
  const runtime = engine.runtime('node-1');
  const status = createNodeStatus({
    nodeName: 'node-1',
    findAddress: async () => address,
    addressChanged: () => (changes += 1),
    readLan: async () => parseLan(LAN),
    labels: { site: 'pier' },
    caps: { cpu: '1' },
    unknownKeys: [],
    takeReadings: () => takeReadings(tmpdir()),
    release: '0.1.0',
    machine: await readMachine(),
    ledger,
    runtime: {
      info: runtime.info,
      images: (signal) => {
        looks += 1;
        return runtime.images(signal);
      },
    },
    health: () => health,
    noteEngine: () => undefined,
    clock,
    ids: seededIds(1),
    log: silentLog,
  });
  const reports = () =>
    ledger.reports.flatMap((report) => (report.class === 'state' && report.key === 'node' ? [report.body as NodeReport] : []));
  ledger.set([NODE_ITEM]);
  status.start();
  for (let turn = 0; turn < 20; turn += 1) await clock.settle();
  expect(reports(), 'nothing is said of an engine that was not asked').toEqual([]);
  health = { ready: true };
  status.look();
  await until(() => reports().length === 1);
  expect(reports()[0]).toMatchObject({
    lan: LAN,
    labels: { 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux', site: 'pier' },
    status: {
      capacity: { cpu: '1', memory: '4194304Ki', pods: '110' },
      addresses: [
        { type: 'InternalIP', address: '192.0.2.7' },
        { type: 'Hostname', address: 'node-1' },
      ],
      nodeInfo: { containerRuntimeVersion: 'docker://20.10.24', kubeletVersion: 'v1.36.0+skerry-0.1.0', architecture: 'amd64' },
      images: [{ names: ['docker.io/library/busybox:1'] }],
    },
  });
  expect(reports()[0]?.status.conditions?.at(-1)).toMatchObject({ type: 'Ready', status: 'True' });
  expect(status.facts()).toMatchObject({ hostAddress: '192.0.2.7', allocatable: { cpuMilli: 1000 } });
  const before = looks;
  status.look();
  await until(() => looks > before);
  await clock.settle();
  expect([reports().length, changes]).toEqual([1, 1]);
  health = { ready: false, code: 'EngineAbsent', message: 'list containers: no container engine answers' };
  status.look();
  await until(() => reports().length === 2);
  expect(reports()[1]?.status.conditions?.at(-1)).toMatchObject({ status: 'False', reason: 'KubeletNotReady' });
  const events = () => ledger.reports.flatMap((report) => (report.class === 'event' ? [report.body] : []));
  expect(events()).toMatchObject([
    {
      involved: { kind: 'Node', name: 'node-1', uid: 'node-1' },
      reason: 'NodeReady',
      message: 'Node node-1 status is now: NodeReady',
    },
    { type: 'Normal', reason: 'NodeNotReady', message: 'Node node-1 status is now: NodeNotReady' },
  ]);
  // The engine's size and version are news only when another one answers.
  const { capacity, nodeInfo } = reports()[0]?.status ?? {};
  expect(reports()[1]?.status).toMatchObject({ capacity, nodeInfo });
  address = '192.0.2.8';
  status.look();
  await until(() => reports().length === 3);
  expect([reports()[2]?.status.addresses?.[0], changes]).toEqual([{ type: 'InternalIP', address }, 2]);
  expect(events().at(-1)).toMatchObject({
    reason: 'NodeAddressChanged',
    message: 'Node node-1 is at 192.0.2.8 now, no longer at 192.0.2.7',
  });
  await status.stop();
});

test('a node without a network keeps the address it had, over a restart too', async () => {
  const clock = manualClock();
  const ledger = createMemoryLedger();
  let found: string | undefined = '192.0.2.7';
  let looks = 0;
  const start = async () => {
    const status = createNodeStatus({
      nodeName: 'node-1',
      addressChanged: () => undefined,
      readLan: async () => parseLan(found === undefined ? '' : LAN),
      findAddress: async () => {
        looks += 1;
        return found;
      },
      labels: { 'kubernetes.io/os': 'plan9' },
      caps: {},
      unknownKeys: [],
      takeReadings: () => takeReadings(tmpdir()),
      release: '0.1.0',
      machine: await readMachine(),
      ledger,
      runtime: createFakeEngine(clock).runtime('node-1'),
      health: () => ({ ready: true }),
      noteEngine: () => undefined,
      clock,
      ids: seededIds(1),
      log: silentLog,
    });
    status.start();
    return status;
  };
  const reports = () => ledger.reports.filter((report) => report.class === 'state').length;
  const first = await start();
  await until(() => reports() === 1);
  found = undefined;
  first.look();
  await until(() => looks === 2);
  await first.stop();
  expect(first.facts().hostAddress).toBe('192.0.2.7');
  const second = await start();
  expect(second.facts().hostAddress).toBe('192.0.2.7');
  await until(() => looks === 3);
  await second.stop();
  expect(reports()).toBe(1);
  // What the node knows of itself is not a matter of flags.
  expect(ledger.reports[0]).toMatchObject({ body: { labels: { 'kubernetes.io/os': 'linux' } } });
});
