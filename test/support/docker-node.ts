import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PodStatus } from '#api/generated/types.ts';
import type { Item } from '#api/link/items.ts';
import type { PodReport } from '#api/link/reports.ts';
import { podLogs, type PodLogsParams } from '#agent/logs.ts';
import { createPodLoop, type PodLoop } from '#agent/pod-loop.ts';
import { createProbeDialer } from '#agent/probes/dialer.ts';
import { createDockerRuntime } from '#agent/runtime/docker-runtime.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import { createTmpfs } from '#agent/volumes/tmpfs.ts';
import { createVolumes } from '#agent/volumes/volumes.ts';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { createWiring } from '#net/wire/ip-wiring.ts';
import type { Wiring } from '#net/wire/wiring.ts';
import { startEngine, until, type TestEngine } from './engine.ts';
import { createMemoryLedger, type MemoryLedger } from './memory-ledger.ts';
import { startNetns, type Netns } from './netns.ts';

/** The agent's pod loop on a real engine and a network namespace of its own. The ledger outlives the loop, as a disk would. */
export type DockerNode = {
  readonly engine: TestEngine;
  readonly netns: Netns;
  readonly ledger: MemoryLedger;
  readonly runtime: Runtime;
  readonly wiring: Wiring;
  readonly dataDir: string;
  readonly loop: () => PodLoop;
  readonly boot: () => void;
  readonly halt: () => Promise<void>;
  readonly status: (uid: string) => Partial<PodStatus> | undefined;
  readonly report: (uid: string) => PodReport | undefined;
  readonly untilPhase: (uid: string, phase: string) => Promise<void>;
  readonly log: (uid: string, params?: Partial<PodLogsParams>) => Promise<string>;
  readonly docker: (...args: readonly string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
};

const exec = promisify(execFile);

export async function startDockerNode(): Promise<DockerNode> {
  const [engine, netns] = await Promise.all([startEngine(), startNetns()]);
  const ledger = createMemoryLedger();
  const dataDir = join(engine.dir, 'agent');
  const runtime = createDockerRuntime({
    socketPath: engine.socketPath,
    node: 'node-1',
    clock: systemClock,
    cgroupParent: engine.cgroupParent,
  });
  const wiring = createWiring(netns.command);
  const { signal } = new AbortController();
  let loop: PodLoop | undefined;
  let boots = 0;

  const reportOf = (uid: string) =>
    ledger.reports
      .flatMap((report) => (report.class === 'state' && report.key !== 'node' ? [report.body] : []))
      .findLast((body): body is PodReport => 'uid' in body && body.uid === uid);

  const halt = async () => {
    await loop?.stop();
    loop = undefined;
  };

  return {
    engine,
    netns,
    ledger,
    runtime,
    wiring,
    dataDir,
    loop: () => {
      if (loop === undefined) throw new Error('the agent was not started');
      return loop;
    },
    boot: () => {
      boots += 1;
      loop = createPodLoop({
        ledger,
        runtime,
        wiring,
        dial: createProbeDialer(systemClock),
        volumes: createVolumes({ dataDir, tmpfs: createTmpfs(), nodeHostname: 'node-1' }),
        clock: systemClock,
        ids: systemIds,
        log: silentLog,
        boot: { id: `boot-${boots}`, uptimeMs: 0 },
        facts: () => ({
          nodeName: 'node-1',
          hostAddress: '10.9.9.1',
          allocatable: { cpuMilli: 2000, memoryBytes: 1e9, storageBytes: 1e10 },
        }),
      });
      loop.start();
    },
    halt,
    status: (uid) => reportOf(uid)?.status,
    report: reportOf,
    untilPhase: (uid, phase) => until(() => reportOf(uid)?.status.phase === phase, `${uid} to be ${phase}`),
    log: async (uid, params = {}) => {
      let text = '';
      for await (const piece of podLogs({ runtime, ledger }, { uid, container: 'app', ...params }, signal))
        text += Buffer.from(piece).toString();
      return text;
    },
    docker: async (...args) => (await exec('docker', ['-H', `unix://${engine.socketPath}`, ...args])).stdout.trim(),
    stop: async () => {
      await halt();
      const volumes = createTmpfs();
      await engine.stop();
      await volumes.unmountAll(dataDir);
      netns.stop();
    },
  };
}

export const NODE_ITEM_10_32: Item = {
  kind: 'Node',
  metadata: { name: 'node-1', uid: 'node-uid' },
  spec: { podCIDR: '10.32.0.0/25', clusterCIDR: '10.32.0.0/11' },
};
