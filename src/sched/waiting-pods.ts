/**
 * Pods that have no node yet. Those that found none are parked until something happens that may let them in, or until the periodic
 * pass; they are served by priority, then age. Pods of other schedulers, gated ones and those being deleted are not ours.
 */
import { isTerminal, isTerminating, type Pod } from '#api/kinds/pod.ts';

export const SCHEDULER_NAME = 'default-scheduler';

type Waiting = { readonly pod: Pod; readonly priority: number; readonly since: string; readonly name: string };

export class WaitingPods {
  #ready = new Map<string, Waiting>();
  #parked = new Map<string, Waiting>();

  get size(): number {
    return this.#ready.size + this.#parked.size;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  /** The pod as it is now: it comes in, stays in, or goes. A change of its spec or labels frees it; its status does not. */
  set(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (!isWaiting(pod)) return this.remove(uid);
    const parked = this.#parked.get(uid);
    const places = parked !== undefined && sameWishes(parked.pod, pod) ? this.#parked : this.#ready;
    if (places === this.#ready) this.#parked.delete(uid);
    const { creationTimestamp = '', namespace = '', name = '' } = pod.metadata;
    places.set(uid, { pod, priority: pod.spec?.priority ?? 0, since: creationTimestamp, name: `${namespace}/${name}` });
  }

  remove(uid: string): void {
    this.#ready.delete(uid);
    this.#parked.delete(uid);
  }

  /** The next ones to serve; they are ready no more: park or put them back. */
  take(countMax: number): readonly Pod[] {
    const next = [...this.#ready.values()].toSorted(before).slice(0, countMax);
    for (const { pod } of next) this.#ready.delete(pod.metadata.uid ?? '');
    return next.map(({ pod }) => pod);
  }

  park(pod: Pod): void {
    this.set(pod);
    const uid = pod.metadata.uid ?? '';
    const waiting = this.#ready.get(uid);
    if (waiting === undefined) return;
    this.#ready.delete(uid);
    this.#parked.set(uid, waiting);
  }

  /** Something changed for the better: all parked pods are to be looked at again. */
  unpark(): void {
    for (const [uid, waiting] of this.#parked) this.#ready.set(uid, waiting);
    this.#parked.clear();
  }
}

export function isWaiting(pod: Pod): boolean {
  const { nodeName = '', schedulerName = SCHEDULER_NAME, schedulingGates = [] } = pod.spec ?? {};
  return (
    nodeName === '' && schedulerName === SCHEDULER_NAME && schedulingGates.length === 0 && !isTerminating(pod) && !isTerminal(pod)
  );
}

function before(a: Waiting, b: Waiting): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.since !== b.since) return a.since < b.since ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function sameWishes(a: Pod, b: Pod): boolean {
  return a.spec === b.spec || JSON.stringify(a.spec) === JSON.stringify(b.spec);
}
