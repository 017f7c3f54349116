import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { KubeObject } from '../../src/api/object.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openStore } from '../../src/server/store/store.ts';
import { spawnTestWorker } from '../support/store.ts';

/**
 * Commits per second of the store alone: durable updates of 2,000 pods of 3.8 KB, each client waiting for its own, by concurrency, worker
 * and inline. Run: node test/bench/store.ts [seconds per row] [folder]
 */
const OBJECTS = 2_000;
const CLIENTS = [1, 8, 64, 256];
const SECONDS = Number(process.argv[2] ?? 2);
const FOLDER = process.argv[3] ?? tmpdir();

let gcMs = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gcMs += entry.duration;
}).observe({ entryTypes: ['gc'] });

console.log('committer  clients  commits/s  CPU us each  p50 ms  p99 ms  loop p99 ms  GC %  bytes written each');
for (const inline of [false, true]) for (const clients of CLIENTS) await measure(inline, clients);

async function measure(inline: boolean, clients: number): Promise<void> {
  const folder = mkdtempSync(join(FOLDER, 'skerry-bench-'));
  const store = await openStore({
    file: join(folder, 'state.db'),
    firstStart: true,
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
    ...(inline ? {} : { spawnWorker: spawnTestWorker }),
  });
  try {
    await Promise.all(Array.from({ length: OBJECTS }, (_, at) => store.storage.commit([{ key: keyOf(at), object: pod(at, 0) }])));
    const timesMs: number[] = [];
    const lag = monitorEventLoopDelay({ resolution: 1 });
    lag.enable();
    gcMs = 0;
    const [cpuBefore, bytesBefore, startMs] = [process.cpuUsage(), bytesWritten(), performance.now()];
    const endMs = startMs + SECONDS * 1_000;
    const client = async (first: number) => {
      for (let at = first; performance.now() < endMs; at += clients) {
        const key = keyOf(at % OBJECTS);
        const old = store.view().get(key.resource, key.namespace, key.name);
        const next = pod(at % OBJECTS, at);
        const sentMs = performance.now();
        await store.storage.commit([{ key, object: next, expect: { revision: Number(old?.metadata.resourceVersion) } }]);
        timesMs.push(performance.now() - sentMs);
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, at) => client(at)));
    const tookMs = performance.now() - startMs;
    const cpu = process.cpuUsage(cpuBefore);
    const count = timesMs.length;
    timesMs.sort((a, b) => a - b);
    console.log(
      [
        (inline ? 'inline' : 'worker').padEnd(9),
        String(clients).padStart(8),
        Math.round(count / (tookMs / 1_000))
          .toLocaleString('en')
          .padStart(10),
        ((cpu.user + cpu.system) / count).toFixed(1).padStart(12),
        (timesMs[count >> 1] ?? 0).toFixed(2).padStart(7),
        (timesMs[Math.floor(count * 0.99)] ?? 0).toFixed(2).padStart(7),
        (lag.percentile(99) / 1e6).toFixed(1).padStart(12),
        ((gcMs / tookMs) * 100).toFixed(0).padStart(5),
        Math.round((bytesWritten() - bytesBefore) / count)
          .toLocaleString('en')
          .padStart(19),
      ].join(' '),
    );
    lag.disable();
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function keyOf(at: number) {
  return { resource: 'pods', namespace: `space-${at % 20}`, name: `pod-${at}` };
}

/** About as long as a pod with status and managed fields. */
function pod(at: number, round: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${at}`,
      namespace: `space-${at % 20}`,
      uid: `11111111-2222-4333-8444-${String(at).padStart(12, '0')}`,
      labels: { app: `app-${at % 50}`, round: String(round), 'pod-template-hash': '7d8f9c' },
      annotations: { 'example.test/notes': 'x'.repeat(1_500) },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: `owner-${at % 100}`, controller: true }],
      managedFields: [{ manager: 'kubectl', operation: 'Update', fieldsV1: { 'f:spec': { 'f:containers': { '.': {} } } } }],
    },
    spec: {
      nodeName: `node-${at % 100}`,
      containers: Array.from({ length: 2 }, (_, index) => ({
        name: `container-${index}`,
        image: 'registry.example.test/team/application:1.2.3',
        env: Array.from({ length: 12 }, (_, n) => ({ name: `VARIABLE_${n}`, value: `value number ${n}` })),
        resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } },
      })),
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    },
    status: {
      phase: 'Running',
      podIP: '10.32.0.5',
      conditions: ['Initialized', 'Ready', 'PodScheduled'].map((type) => ({ type, status: 'True', lastProbeTime: null })),
    },
  };
}

function bytesWritten(): number {
  return process.resourceUsage().fsWrite * 512;
}
