import type { Container, PodStatus } from '#api/generated/types.ts';
import type { Item, PodItem } from '#api/link/items.ts';
import type { EventReport, PodReport } from '#api/link/reports.ts';
import type { ProbeDialer } from '#agent/probes/dialer.ts';
import { createPodLoop, type PodLoop } from '#agent/pod-loop.ts';
import { seededIds } from '#lib/ids.ts';
import { silentLog, type Log } from '#lib/log.ts';
import type { NodeNetwork, Wired } from '#net/wire/wiring.ts';
import { createFakeHost, mortalLedger } from './fake-host.ts';
import type { FakeEngine } from './fake-runtime.ts';
import { manualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryLedger, type MemoryLedger } from './memory-ledger.ts';

/**
 * A node in memory: engine, wiring, volumes and ledger that outlive the agent, whose pod loop is started on them, killed in the middle of
 * whatever it does, and started again; a power cut takes the running containers and the wiring too.
 */
export type FakeNode = {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  readonly ledger: MemoryLedger;
  readonly wired: Map<string, Wired>;
  readonly volumes: Map<string, string>;
  readonly adrift: Set<string>;
  readonly network: () => NodeNetwork | undefined;
  readonly loop: () => PodLoop;
  /** Starts the agent. */
  readonly boot: () => Promise<void>;
  /** kill -9: what the agent had under way never comes back to it. */
  readonly crash: () => void;
  readonly powerCut: () => void;
  readonly settle: () => Promise<void>;
  readonly advance: (ms: number) => Promise<void>;
  readonly set: (items: readonly Item[], removalsAllowed?: boolean) => Promise<void>;
  /** As last reported. */
  readonly status: (uid: string) => Partial<PodStatus> | undefined;
  readonly report: (uid: string) => PodReport | undefined;
  readonly events: (reason?: string) => readonly EventReport[];
  /** Counts every call of the engine and every commit; the one with this number kills the agent before or after it took effect. */
  readonly crashAt: (call: number, when: 'before' | 'after') => void;
  readonly calls: () => number;
  /** A commit fails with this. */
  failCommits: Error | undefined;
  /** What answers probes over the network. */
  answer: ProbeDialer;
  /** The node's rules fail with this. */
  rulesFault: Error | undefined;
  /** Somebody has taken the node's rules. */
  flushed: boolean;
};

export const NODE_NAME = 'node-1';
const SETTLED_TURNS = 6;
const TURNS_MAX = 5_000;
const WAITING_TURNS = 40;

export function createFakeNode(log: Log = silentLog): FakeNode {
  const clock = manualClock();
  const host = createFakeHost(clock, NODE_NAME);
  const { engine, wired, volumes, adrift, network } = host;
  const ledger = createMemoryLedger();
  let loop: PodLoop | undefined;
  let life = { alive: false };
  let boots = 1;
  let bootedMs = 0;
  let calls = 0;
  let doom: { readonly call: number; readonly when: 'before' | 'after' } | undefined;

  const passing = (when: 'before' | 'after') => {
    if (when === 'before') calls += 1;
    if (doom?.call === calls && doom.when === when) {
      doom = undefined;
      crash();
    }
  };
  engine.onCall = (_call, when) => passing(when);

  const crash = () => {
    life.alive = false;
  };

  const boot = async () => {
    life = { alive: true };
    const mine = life;
    loop = createPodLoop({
      ledger: mortalLedger(
        ledger,
        mine,
        () => passing('before'),
        () => passing('after'),
        () => node.failCommits,
      ),
      runtime: host.runtime(mine),
      wiring: host.wiring(mine),
      volumes: host.volumesOf(mine),
      dial: host.dialer(mine),
      clock,
      ids: seededIds(1),
      log,
      boot: { id: `boot-${boots}`, uptimeMs: clock.monotonic() - bootedMs },
      facts: () => ({
        nodeName: NODE_NAME,
        hostAddress: '192.0.2.1',
        allocatable: { cpuMilli: 2000, memoryBytes: 1e9, storageBytes: 1e10 },
      }),
    });
    loop.start();
    await settle();
  };

  const settle = async () => {
    let quiet = 0;
    let lastCalls = calls;
    let lastTurn = 0;
    for (let turn = 0; quiet < SETTLED_TURNS; turn += 1) {
      if (turn > TURNS_MAX) throw new Error('the pod loop does not come to rest');
      await clock.advance(0);
      if (calls !== lastCalls) [lastCalls, lastTurn] = [calls, turn];
      // A call that hangs, or is slow, waits for time to pass, which is the test's to let.
      else if (turn - lastTurn > WAITING_TURNS) return;
      quiet = !life.alive || loop?.idle() === true ? quiet + 1 : 0;
    }
  };

  const reports = () =>
    ledger.reports.flatMap((report) => (report.class === 'state' && report.key !== 'node' ? [report.body] : []));
  const reportOf = (uid: string) => reports().findLast((body): body is PodReport => 'uid' in body && body.uid === uid);

  const node: FakeNode = {
    clock,
    engine,
    ledger,
    wired,
    volumes,
    adrift,
    network,
    loop: () => {
      if (loop === undefined) throw new Error('the agent was not started');
      return loop;
    },
    boot,
    crash,
    powerCut: () => {
      crash();
      host.powerCut();
      boots += 1;
      bootedMs = clock.monotonic();
    },
    settle,
    advance: async (ms) => {
      await settle();
      await clock.advance(ms);
      await settle();
    },
    set: async (items, removalsAllowed) => {
      ledger.set(items, removalsAllowed);
      await settle();
    },
    status: (uid) => reportOf(uid)?.status,
    report: reportOf,
    events: (reason) =>
      ledger.reports.flatMap((report) =>
        report.class === 'event' && (reason === undefined || report.body.reason === reason) ? [report.body] : [],
      ),
    crashAt: (call, when) => {
      calls = 0;
      doom = { call, when };
    },
    calls: () => calls,
    failCommits: undefined,
    get answer() {
      return host.answer;
    },
    set answer(answer) {
      host.answer = answer;
    },
    get rulesFault() {
      return host.rulesFault;
    },
    set rulesFault(fault) {
      host.rulesFault = fault;
    },
    get flushed() {
      return host.flushed;
    },
    set flushed(flushed) {
      host.flushed = flushed;
    },
  };
  return node;
}

export const NODE_ITEM: Item = {
  kind: 'Node',
  metadata: { name: NODE_NAME, uid: 'node-uid' },
  spec: { podCIDR: '10.32.0.0/25', clusterCIDR: '10.32.0.0/11' },
};

export type PodChange = {
  readonly metadata?: Partial<PodItem['metadata']>;
  readonly spec?: Partial<PodItem['spec']>;
  readonly containers?: readonly Partial<Container>[];
  readonly init?: readonly Partial<Container>[];
};

/** A pod of one obedient container, changed as asked; its uid is `uid-<name>`. */
export function podItem(name: string, { metadata, spec, containers = [{}], init }: PodChange = {}): PodItem {
  const whole = (container: Partial<Container>, index: number): Container => ({
    name: index === 0 ? 'app' : `app-${index}`,
    image: 'busybox:1',
    command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1 & wait; done'],
    ...container,
  });
  return {
    kind: 'Pod',
    metadata: { namespace: 'default', name, uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      containers: containers.map(whole),
      ...(init === undefined
        ? {}
        : { initContainers: init.map((one, index) => whole({ name: `init-${index}`, ...one }, index)) }),
      ...spec,
    },
  };
}

/** The item as its owner deletes it. */
export function deleted(item: PodItem, graceSeconds: number): PodItem {
  return {
    ...item,
    metadata: { ...item.metadata, deletionTimestamp: '2026-01-01T00:10:00Z', deletionGracePeriodSeconds: graceSeconds },
  };
}

export const script = (text: string): Partial<Container> => ({ command: ['sh', '-c', text] });

/** A node that runs, whose document has these beside the node's own item. */
export async function nodeWith(items: readonly Item[]): Promise<FakeNode> {
  const node = createFakeNode();
  node.engine.addImage('busybox:1');
  await node.boot();
  await node.set([NODE_ITEM, ...items]);
  return node;
}
