import { addressOf, podMemory } from '../../src/agent/memory.ts';
import type { NodeLedger } from '../../src/agent/ledger/link-ledger.ts';
import { isInside } from '../../src/agent/plan/addresses.ts';
import type { ObservedContainer } from '../../src/agent/plan/observed.ts';
import type { ProbeDialer } from '../../src/agent/probes/dialer.ts';
import type { ProbeOutcome } from '../../src/agent/probes/probe-state.ts';
import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { Readiness } from '../../src/agent/readiness.ts';
import type { PodItem } from '../../src/api/link/items.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { ServiceTable } from '../../src/net/services/service-table.ts';
import type { FakeHost } from '../support/fake-host.ts';
import { READY_PATH } from './workloads.ts';

/**
 * Stands at a node's doors and notes what it is told there: of its containers, of its probes. From that, its ledger and the ways to its peers it says which
 * endpoints the node knows to be dead; what the agent makes of the same (phases, readiness, its view of services) it does not ask.
 */
export type WitnessOptions = {
  readonly node: string;
  readonly host: Pick<FakeHost, 'engine' | 'wired'>;
  readonly clock: Clock;
  /** Since when there is no path to this peer. */
  readonly lostMs: (peer: string) => number | undefined;
  readonly violated: (what: string) => void;
};

/** What was told of a pod's only container but `init`. */
type Told = {
  /** Those that were seen to run and were not heard to die. */
  readonly running: ReadonlySet<string>;
  readonly ended: readonly ObservedContainer[];
  /** Since when none is known to run. */
  readonly downMs: number | undefined;
  /** The engine's word for a death counts at once. What a look has found is planned upon first. */
  readonly isHeard: boolean;
};

/** What of a process of the agent is needed to know which pod has an address. */
type Life = { readonly ledger: NodeLedger; readonly status: Readiness['status'] };

type Standing = { readonly table: ServiceTable; readonly life: Life; readonly published: ReadonlySet<string> };

/** Why something is dead, and since when the node has known. */
type Why = { readonly why: string; readonly sinceMs: number };

/** What is dead is out of the kernel by then. */
const LED_MS_MAX = 1_000;
/** So long a sound engine may need until what a look has found has had its consequences: a call that hung, and the back-off after it. */
const PLANNED_MS_MAX = 30_000;

export class Witness {
  readonly #options: WitnessOptions;
  /** By pod. */
  readonly #told = new Map<string, Told>();
  /** Ids of containers. */
  readonly #died = new Set<string>();
  /** Pods whose last probe for readiness has failed, and since when. */
  readonly #failing = new Map<string, number>();
  /** Pods that this boot has seen run. */
  readonly #seen = new Set<string>();
  #standing: Standing | undefined;
  #faultMs = Number.NEGATIVE_INFINITY;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** Another process knows nothing of what this one was told. */
  agentDied(): void {
    this.#told.clear();
    this.#died.clear();
    this.#failing.clear();
    this.#standing = undefined;
  }

  powerCut(): void {
    this.#seen.clear();
  }

  /** As one process of the agent gets it. */
  over(runtime: Runtime): Runtime {
    const listed = (uid: string | undefined, found: readonly ObservedContainer[]) => this.#listed(uid, found);
    const heard = (id: string, uid: string, change: string) => this.#heard(id, uid, change);
    return {
      ...runtime,
      list: async (uid, signal) => {
        const found = await runtime.list(uid, signal);
        listed(uid, found);
        return found;
      },
      async *events(signal) {
        for await (const event of runtime.events(signal)) {
          yield event;
          // It has asked for the next: this one it knows.
          if (event.type === 'container') heard(event.id, event.podUid, event.change);
        }
      },
    };
  }

  overDialer(dial: ProbeDialer): ProbeDialer {
    return async (request, timeoutMs, signal) => {
      const outcome = await dial(request, timeoutMs, signal);
      if (request.type !== 'http' || request.path !== READY_PATH) return outcome;
      // The address may be another pod's later.
      for (const [uid, { address }] of this.#options.host.wired) if (address === request.host) this.#probed(uid, outcome.result);
      return outcome;
    };
  }

  #probed(uid: string, result: ProbeOutcome['result']): void {
    if (result !== 'failure') this.#failing.delete(uid);
    else if (!this.#failing.has(uid)) {
      this.#failing.set(uid, this.#nowMs());
      this.recheckSoon();
    }
  }

  look(): void {
    if (this.#options.host.engine.fault !== undefined) this.#faultMs = this.#nowMs();
  }

  /** What the kernel is to lead from now on: no pod that has ended, is gone or does not serve, no node to which there is no path. */
  leads(table: ServiceTable, life: Life): void {
    this.look();
    this.#standing = { table, life, published: this.#published(table, life) };
    this.#check(this.#standing, 0);
  }

  /** Something may be dead now: after a while it is led to no more. */
  recheckSoon(): void {
    this.#options.clock.timer(LED_MS_MAX, () => {
      if (this.#standing !== undefined) this.#check(this.#standing, LED_MS_MAX);
    });
  }

  #check({ table: { ports, podCidr }, life, published }: Standing, agedMs: number): void {
    const { node, violated, clock, host, lostMs } = this.#options;
    const { ledger, status } = life;
    const all = [...ledger.documents().items.values()].map(({ item }) => item);
    const isOld = (sinceMs: number | undefined) => sinceMs !== undefined && clock.monotonic() - sinceMs >= agedMs;
    const lost = all.flatMap((item) => (item.kind === 'Peer' && isOld(lostMs(item.metadata.name)) ? [item] : []));
    const pods = all.flatMap((item) => (item.kind === 'Pod' ? [item] : []));
    // What is only being written down is its address, too.
    const isAt = (address: string, uid: string) =>
      [addressOf(ledger.memory(), uid), host.wired.get(uid)?.address, status(uid)?.podIP].includes(address);
    const whyNot = (key: string, address: string): Why | undefined => {
      if (!isInside(podCidr, address)) {
        const peer = lost.find((each) => isInside(each.podCIDR, address))?.metadata.name;
        return peer === undefined ? undefined : { why: `which is on ${peer}, to where there is no path`, sinceMs: 0 };
      }
      const owners = pods.filter(({ metadata }) => isAt(address, metadata.uid));
      if (owners.length === 0) return { why: 'whose pod it does not know', sinceMs: clock.monotonic() };
      const isPublished = published.has(key) || this.#published({ ports }, life).has(key);
      const whys = owners.map((pod) => this.#whyEnded(pod, ledger) ?? (isPublished ? undefined : this.#whyNotServing(pod)));
      // Any of them may be the one that is meant.
      return whys.every((why) => isOld(why?.sinceMs)) ? whys[0] : undefined;
    };
    for (const { key, internal, external } of ports)
      for (const address of new Set([...internal, ...external].map((backend) => backend.address))) {
        const found = whyNot(key, address);
        if (found !== undefined && isOld(found.sinceMs)) violated(`dead: ${node} leads ${key} to ${address}, ${found.why}`);
      }
  }

  /** Keys of services that lead also to what is not ready. */
  #published({ ports }: Pick<ServiceTable, 'ports'>, { ledger }: Life): ReadonlySet<string> {
    const { items } = ledger.documents();
    const isPublished = (key: string) => {
      const service = items.get(`services/${key.split(':')[0]}`)?.item;
      return service?.kind === 'Service' && service.spec.publishNotReadyAddresses === true;
    };
    return new Set(ports.flatMap(({ key }) => (isPublished(key) ? [key] : [])));
  }

  #whyEnded({ metadata: { uid, name }, spec }: PodItem, ledger: NodeLedger): Why | undefined {
    const nowMs = this.#nowMs();
    if (podMemory(ledger.memory(), uid)?.verdict !== undefined) return { why: `whose pod ${name} has ended`, sinceMs: nowMs };
    const { ended = [], downMs } = this.#told.get(uid) ?? {};
    const isLast = ({ exitCode }: ObservedContainer) =>
      spec.restartPolicy === 'Never' || (spec.restartPolicy === 'OnFailure' && exitCode === 0);
    const isOver = this.#isLong(downMs) && ended.length > 0 && ended.every(isLast);
    return isOver ? { why: `whose pod ${name} has run to its end`, sinceMs: nowMs } : undefined;
  }

  #whyNotServing({ metadata: { uid, name } }: PodItem): Why | undefined {
    const nowMs = this.#nowMs();
    if (!this.#seen.has(uid)) return { why: `whose pod ${name} was not seen to run since the machine booted`, sinceMs: nowMs };
    const { downMs, isHeard = false } = this.#told.get(uid) ?? {};
    if (downMs !== undefined && isHeard) return { why: `whose pod ${name} was heard to die`, sinceMs: downMs };
    if (this.#isLong(downMs)) return { why: `whose pod ${name} was seen to be dead`, sinceMs: nowMs };
    const failingMs = this.#failing.get(uid);
    // What this very moment's probe has found is being noted.
    if (failingMs === undefined || failingMs >= nowMs) return undefined;
    return { why: `whose pod ${name} fails its probe`, sinceMs: failingMs };
  }

  #nowMs(): number {
    return this.#options.clock.monotonic();
  }

  #isLong(sinceMs: number | undefined): boolean {
    return sinceMs !== undefined && this.#nowMs() - Math.max(sinceMs, this.#faultMs) > PLANNED_MS_MAX;
  }

  #listed(uid: string | undefined, found: readonly ObservedContainer[]): void {
    const uids = uid === undefined ? [...this.#told.keys(), ...found.map(({ podUid }) => podUid)] : [uid];
    for (const each of new Set(uids)) {
      const apps = found.filter(({ podUid, name }) => podUid === each && name === 'app');
      const running = new Set(apps.flatMap(({ id, state }) => (state === 'running' && !this.#died.has(id) ? [id] : [])));
      const before = this.#told.get(each);
      if (running.size > 0) this.#seen.add(each);
      this.#told.set(each, {
        running,
        ended: apps.filter(({ state }) => state === 'exited'),
        downMs: running.size > 0 ? undefined : (before?.downMs ?? this.#nowMs()),
        isHeard: running.size === 0 && before?.isHeard === true,
      });
    }
  }

  #heard(id: string, uid: string, change: string): void {
    if (change === 'started') this.#died.delete(id);
    if (change !== 'died') return;
    this.#died.add(id);
    const told = this.#told.get(uid);
    if (told?.running.has(id) !== true) return;
    const running = new Set([...told.running].filter((each) => each !== id));
    if (running.size > 0) this.#told.set(uid, { ...told, running });
    else this.#told.set(uid, { ...told, running, downMs: this.#nowMs(), isHeard: true });
    this.recheckSoon();
  }
}
