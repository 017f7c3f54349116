import type { NodeCondition, NodeStatus } from '#api/generated/types.ts';
import { formatLan, parseLan, rememberGateways, type LanAddress } from '#api/kinds/node-lan.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { Report } from '#api/link/reports.ts';
import type { Json } from '#api/object.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { MachineFacts, MachineReadings } from './node/machine.ts';
import { allocatableOf, nodeCapacity } from './node/capacity.ts';
import { nodeConditions } from './node/node-conditions.ts';
import { createPressureWatch, type Pressures } from './node/pressures.ts';
import { nodeItem } from './plan/items.ts';
import type { PodFacts } from './render/field-ref.ts';
import type { EngineInfo, Runtime } from './runtime/runtime.ts';
import type { EngineHealth } from './sight.ts';

/**
 * What this node tells of itself: capacity, addresses, versions, conditions, labels. Only what changed is reported; that the node is alive is seen from
 * the link, not from here.
 */
export type NodeStatusOptions = {
  readonly nodeName: string;
  /** Undefined while there is none: then the last one counts on. */
  readonly findAddress: () => Promise<string | undefined>;
  /** It is another one: pods on the host's network have it, too. */
  readonly addressChanged: () => void;
  /** Its addresses in its LANs, as they are told: `''` while there is none. */
  readonly readLan: () => Promise<readonly LanAddress[]>;
  readonly labels: Readonly<Record<string, string>>;
  readonly caps: Readonly<Record<string, string>>;
  readonly unknownKeys: readonly string[];
  /** Of the machine, now. */
  readonly takeReadings: () => Promise<MachineReadings>;
  /** Of this program: `0.1.0`. */
  readonly release: string;
  readonly machine: MachineFacts;
  readonly ledger: Ledger;
  readonly runtime: Pick<Runtime, 'info' | 'images'>;
  /** Undefined: not known yet, so there is nothing to report. */
  readonly health: () => EngineHealth | undefined;
  /** The engine was asked, and this came of it. */
  readonly noteEngine: (error: unknown) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

export type NodeStatusLoop = {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** Look again now: the engine's health or an address may have changed. */
  readonly look: () => void;
  /** What pods may know of the node. */
  readonly facts: () => Omit<PodFacts, 'address'>;
};

/** Of the Kubernetes release whose semantics this is. */
const KUBERNETES_VERSION = 'v1.36.0';
const LOOK_MS = 15_000;
/** Upstream reports as many. */
const IMAGES_MAX = 50;
const KIND = 'node';
const KEY = 'status';

export function createNodeStatus(options: NodeStatusOptions): NodeStatusLoop {
  const { ledger, machine, clock, runtime, nodeName } = options;
  const stopping = new AbortController();
  const pressures = createPressureWatch(options);
  let runner: Runner | undefined;
  /** As it last said; `isAsked`: since it was last away. */
  let engine: EngineInfo | undefined;
  let isAsked = false;
  let address = lastAddress(ledger);
  let lan = lastReport(ledger)?.lan ?? '';
  let storageBytes = 0;
  let images: NonNullable<NodeStatus['images']> = [];

  const capacity = () =>
    nodeCapacity({
      cpus: engine?.cpus ?? machine.cpus,
      memoryBytes: engine?.memoryBytes ?? machine.memoryBytes,
      storageBytes,
      podCidr: nodeItem(ledger.documents())?.spec.podCIDR,
      caps: options.caps,
    });

  const askEngine = async (signal: AbortSignal) => {
    if (options.health()?.ready !== true) {
      // Another one may answer next.
      isAsked = false;
      return;
    }
    if (!isAsked) engine = await runtime.info(signal);
    isAsked = true;
    images = imagesOf(await runtime.images(signal));
  };

  const look = async (): Promise<void> => {
    const { signal } = stopping;
    const readings = await options.takeReadings();
    storageBytes = readings.diskBytes;
    const found = await options.findAddress();
    if (found !== undefined && found !== address) {
      address = found;
      options.addressChanged();
    }
    // Without a cable it has none: what it was last told to have stays, as its neighbours' ways to it do.
    const lanNow = formatLan(rememberGateways(await options.readLan(), parseLan(lan)));
    lan = lanNow === '' ? lan : lanNow;
    // Its last answers go on counting.
    await askEngine(signal).catch(options.noteEngine);
    await report(pressures.feel(readings));
  };

  const report = async (felt: Pressures) => {
    const health = options.health();
    if (health === undefined) return;
    const before = lastReport(ledger);
    const { capacity: had, allocatable } = capacity();
    const architecture = engine?.architecture ?? architectureOf(process.arch);
    const status: Partial<NodeStatus> = {
      capacity: had,
      allocatable,
      addresses: [...(address === undefined ? [] : [{ type: 'InternalIP', address }]), { type: 'Hostname', address: nodeName }],
      conditions: nodeConditions(
        { pressures: felt, health, unknownKeys: options.unknownKeys },
        before?.conditions ?? [],
        clock.now(),
      ),
      nodeInfo: {
        machineID: machine.machineId,
        systemUUID: machine.systemUuid,
        bootID: machine.bootId,
        kernelVersion: machine.kernelVersion,
        osImage: machine.osImage,
        containerRuntimeVersion: engine === undefined ? '' : `${engine.name}://${engine.version}`,
        kubeletVersion: `${KUBERNETES_VERSION}+skerry-${options.release}`,
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture,
      },
      images,
    };
    const labels = {
      ...options.labels,
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': architecture,
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': architecture,
    };
    const text = canonicalText({ ...status, labels, lan });
    if (before !== undefined && canonicalText(before) === text) return;
    const value = JSON.parse(text) as Json;
    await ledger.commit(
      [{ kind: KIND, key: KEY, value }],
      [{ class: 'state', key: 'node', body: { status, labels, lan } }, ...eventsOf(nodeName, before, status, clock.now())],
    );
  };

  return {
    start: () => {
      const { ids, log } = options;
      runner = createRunner(
        { name: 'node-status', run: () => look().then(() => undefined), keys: () => [KEY], periodMs: LOOK_MS, clock, ids, log },
        stopping.signal,
      );
    },
    stop: async () => {
      stopping.abort();
      await runner?.done;
    },
    look: () => runner?.signal(KEY),
    facts: () => ({ nodeName, hostAddress: address, allocatable: allocatableOf(capacity()) }),
  };
}

type LastReport = {
  readonly conditions?: readonly NodeCondition[];
  readonly addresses?: NodeStatus['addresses'];
  readonly lan?: string;
};

function lastReport(ledger: Pick<Ledger, 'memory'>): LastReport | undefined {
  // Rows of this kind are written here alone.
  return ledger.memory().rows(KIND).get(KEY) as unknown as LastReport | undefined;
}

/** Of a node that turns ready or not, as the kubelet tells it, or has another address; one that begins as not ready has not become so. */
function eventsOf(node: string, before: LastReport | undefined, after: LastReport, wallMs: number): readonly Report[] {
  // The kubelet gives a Node's name for its uid, and kubectl looks for events under both.
  const involved = { kind: 'Node', name: node, uid: node };
  const event = (reason: string, message: string): Report => ({
    class: 'event',
    body: { involved, type: 'Normal', reason, message, time: rfc3339(wallMs), count: 1 },
  });
  const [was, is] = [before === undefined ? undefined : addressOf(before), addressOf(after)];
  const reason = isReady(after) ? 'NodeReady' : 'NodeNotReady';
  return [
    ...(isReady(before) === isReady(after) ? [] : [event(reason, `Node ${node} status is now: ${reason}`)]),
    ...(was === undefined || was === is
      ? []
      : [event('NodeAddressChanged', `Node ${node} is at ${is} now, no longer at ${was}`)]),
  ];
}

const isReady = (report: LastReport | undefined): boolean =>
  report?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

const addressOf = ({ addresses }: LastReport): string | undefined =>
  addresses?.find(({ type }) => type === 'InternalIP')?.address;

function lastAddress(ledger: Pick<Ledger, 'memory'>): string | undefined {
  const last = lastReport(ledger);
  return last === undefined ? undefined : addressOf(last);
}

function imagesOf(
  all: ReadonlyMap<string, { readonly id: string; readonly sizeBytes: number }>,
): NonNullable<NodeStatus['images']> {
  const byId = new Map<string, { readonly names: string[]; readonly sizeBytes: number }>();
  for (const [name, { id, sizeBytes }] of all) {
    const image = byId.get(id) ?? { names: [], sizeBytes };
    byId.set(id, image);
    if (name !== id) image.names.push(name);
  }
  const named = [...byId.values()].filter(({ names }) => names.length > 0);
  return named
    .map(({ names, sizeBytes }) => ({ names: names.toSorted(), sizeBytes }))
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
    .slice(0, IMAGES_MAX);
}

/** Node's word for it as Go's. Only until the engine has said what it runs. */
function architectureOf(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}
