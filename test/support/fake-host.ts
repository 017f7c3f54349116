import type { Ledger } from '#agent/ledger/ledger.ts';
import type { ProbeDialer } from '#agent/probes/dialer.ts';
import type { Owner } from '#agent/runtime/labels.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Volumes } from '#agent/volumes/volumes.ts';
import type { Clock } from '#lib/clock.ts';
import type { NodeNetwork, Wired, Wiring } from '#net/wire/wiring.ts';
import { createFakeEngine, type FakeEngine } from './fake-runtime.ts';

/**
 * What of a node outlives its agent: engine, wiring and volumes, in memory. An agent gets them as parts that die with its process: what the
 * dead asked for may have happened, and is never answered.
 */
export type FakeHost = {
  readonly engine: FakeEngine;
  readonly wired: Map<string, Wired>;
  readonly volumes: Map<string, string>;
  /** Ids of containers under which their pod's folder went away. */
  readonly adrift: Set<string>;
  readonly network: () => NodeNetwork | undefined;
  /** The node's rules can not be made. */
  rulesFault: Error | undefined;
  /** Somebody has taken the node's rules. */
  flushed: boolean;
  /** `as`: the agent's node goes by another name by now. */
  readonly runtime: (life: Life, as?: Owner) => Runtime;
  readonly wiring: (life: Life) => Wiring;
  readonly volumesOf: (life: Life) => Volumes;
  readonly dialer: (life: Life) => ProbeDialer;
  /** What answers probes over the network; at first, everything does. */
  answer: ProbeDialer;
  /** The running containers and the wiring are gone. */
  readonly powerCut: () => void;
};

/** One process of an agent. */
export type Life = { readonly alive: boolean };

export function createFakeHost(clock: Clock, node: string): FakeHost {
  const engine = createFakeEngine(clock);
  const wired = new Map<string, Wired>();
  const volumes = new Map<string, string>();
  const adrift = new Set<string>();
  let network: NodeNetwork | undefined;
  const host: FakeHost = {
    engine,
    wired,
    volumes,
    adrift,
    network: () => network,
    rulesFault: undefined,
    flushed: false,
    runtime: (life, as = { node, ranHere: () => false }) => mortalRuntime(engine.runtime(as.node, as.ranHere), life),
    wiring: (life) => ({
      observe: () => mortal(life, async () => new Map(wired)),
      wire: ({ podUid, sandboxId, address }) =>
        mortal(life, async () => {
          wired.set(podUid, { sandboxId, address });
        }),
      unwire: (podUid) =>
        mortal(life, async () => {
          wired.delete(podUid);
        }),
      ensureNode: (next) =>
        mortal(life, async () => {
          if (host.rulesFault !== undefined) throw host.rulesFault;
          network = next;
          host.flushed = false;
        }),
      isNodeChanged: () => mortal(life, async () => host.flushed),
    }),
    volumesOf: (life) => ({
      prepare: (item) =>
        mortal(life, async () => {
          volumes.set(item.metadata.uid, 'made');
        }),
      sources: (item) =>
        new Map((item.spec.volumes ?? []).map(({ name }) => [name, { path: `/volumes/${name}`, readOnly: false }])),
      files: async () => [],
      ensureMounts: async () => undefined,
      terminationMessage: async () => '',
      list: () => mortal(life, async () => [...volumes.keys()]),
      adrift: (containers) => mortal(life, async () => new Set(containers.flatMap(({ id }) => (adrift.has(id) ? [id] : [])))),
      remove: (uid) =>
        mortal(life, async () => {
          volumes.delete(uid);
        }),
    }),
    dialer: (life) => (request, timeoutMs, signal) => mortal(life, () => host.answer(request, timeoutMs, signal)),
    answer: async () => ({ result: 'success' }),
    powerCut: () => {
      engine.powerCut();
      wired.clear();
    },
  };
  return host;
}

/** A new one each time: what waits for a promise is kept for as long as the promise is. */
export const silence = (): Promise<never> => new Promise(() => undefined);

/** What the dead asked for is not answered. */
export async function mortal<T>(life: Life, work: () => Promise<T>): Promise<T> {
  if (!life.alive) return silence();
  try {
    const result = await work();
    return life.alive ? result : await silence();
  } catch (error) {
    if (!life.alive) return silence();
    throw error;
  }
}

function mortalRuntime(runtime: Runtime, life: Life): Runtime {
  return {
    where: runtime.where,
    info: (signal) => mortal(life, () => runtime.info(signal)),
    list: (uid, signal) => mortal(life, () => runtime.list(uid, signal)),
    images: (signal) => mortal(life, () => runtime.images(signal)),
    inspectImage: (image, signal) => mortal(life, () => runtime.inspectImage(image, signal)),
    pull: (image, auth, signal) => mortal(life, () => runtime.pull(image, auth, signal)),
    createSandbox: (spec, signal) => mortal(life, () => runtime.createSandbox(spec, signal)),
    createContainer: (spec, signal) => mortal(life, () => runtime.createContainer(spec, signal)),
    start: (id, signal) => mortal(life, () => runtime.start(id, signal)),
    signalContainer: (id, name, signal) => mortal(life, () => runtime.signalContainer(id, name, signal)),
    remove: (id, signal) => mortal(life, () => runtime.remove(id, signal)),
    removePodTraces: (uid, signal) => mortal(life, () => runtime.removePodTraces(uid, signal)),
    removeOwnImages: (signal) => mortal(life, () => runtime.removeOwnImages(signal)),
    exec: (id, command, options, signal) => mortal(life, () => runtime.exec(id, command, options, signal)),
    logs: (id, options, signal) => runtime.logs(id, options, signal),
    async *events(signal) {
      for await (const event of runtime.events(signal)) {
        if (!life.alive) await silence();
        yield event;
      }
    },
  };
}

export function mortalLedger(
  ledger: Ledger,
  life: Life,
  before: () => void,
  after: () => void,
  failure: () => Error | undefined,
): Ledger {
  return {
    documents: ledger.documents,
    memory: ledger.memory,
    onDocuments: (changed) =>
      ledger.onDocuments(() => {
        if (life.alive) changed();
      }),
    commit: (changes, reports) =>
      mortal(life, async () => {
        before();
        if (!life.alive) return;
        const error = failure();
        if (error !== undefined) throw error;
        await ledger.commit(changes, reports);
        after();
      }),
  };
}
