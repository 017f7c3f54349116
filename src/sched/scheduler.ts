/**
 * The scheduler as its loop sees it: fed with committed writes, asked for decisions, told which binds failed. It decides and remembers;
 * it writes nothing itself.
 */
import type { Node } from '#api/kinds/node.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import { pick, type Decision } from './pick.ts';
import { SchedulerState } from './state.ts';
import { Templates } from './templates.ts';
import { isWaiting, WaitingPods } from './waiting-pods.ts';

/** One committed write of a pod or a node; of anything else nothing is taken. */
export type SchedulerNews = { readonly resource: string; readonly before?: KubeObject; readonly after?: KubeObject };

/** Decided in one go: enough to fill a group commit, little enough to let the event loop through. */
export const DECISIONS_MAX = 256;

export class Scheduler {
  readonly #state = new SchedulerState();
  readonly #waiting = new WaitingPods();
  readonly #templates = new Templates();
  /** Pods whose bind is under way, as last seen. */
  readonly #binding = new Map<string, Pod>();

  /** Pods that decide() would look at. */
  get readyCount(): number {
    return this.#waiting.readyCount;
  }

  /** Pods without a node, parked ones too. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  apply({ resource, before, after }: SchedulerNews): void {
    // Sound: the store keeps under `pods` and `nodes` only objects of these kinds.
    if (resource === 'nodes') this.#applyNode(before as Node | undefined, after as Node | undefined);
    else if (resource === 'pods') this.#applyPod(before as Pod | undefined, after as Pod | undefined);
  }

  /** Decides for the pods that are ready, DECISIONS_MAX at most. Those that find no node are parked, the others assumed on theirs. */
  decide(): readonly Decision[] {
    const units = this.#waiting.take(DECISIONS_MAX).map((pod) => ({ pods: [pod] }));
    const decisions = pick(this.#state, units, this.#templates);
    for (const { type, unit } of decisions) {
      for (const pod of unit.pods) {
        if (type === 'waits') this.#waiting.park(pod);
        else this.#binding.set(uidOf(pod), pod);
      }
    }
    return decisions;
  }

  /** The bind was not committed: its room is free again, and the pod waits on, unless news have settled its fate meanwhile. */
  undo(pod: Pod): void {
    const latest = this.#binding.get(uidOf(pod));
    if (latest === undefined) return;
    this.#binding.delete(uidOf(pod));
    this.#waiting.set(latest);
    if (this.#state.forget(uidOf(pod))) this.#waiting.unpark();
  }

  /** For the periodic pass: whatever was missed, parked pods are looked at again. */
  retryAll(): void {
    this.#waiting.unpark();
  }

  #applyNode(before: Node | undefined, after: Node | undefined): void {
    if (after === undefined) this.#state.removeNode(before?.metadata.name ?? '');
    else if (this.#state.setNode(after)) this.#waiting.unpark();
  }

  #applyPod(before: Pod | undefined, after: Pod | undefined): void {
    if (before !== undefined && before.metadata.uid !== after?.metadata.uid) this.#drop(uidOf(before));
    if (after === undefined) return;
    const uid = uidOf(after);
    if (isWaiting(after) && this.#binding.has(uid)) {
      this.#binding.set(uid, after);
      return;
    }
    this.#binding.delete(uid);
    this.#waiting.set(after);
    const freed = isBound(after) ? this.#state.setPod(after) : this.#state.removePod(uid);
    if (freed) this.#waiting.unpark();
  }

  #drop(uid: string): void {
    this.#binding.delete(uid);
    this.#waiting.remove(uid);
    if (this.#state.removePod(uid)) this.#waiting.unpark();
  }
}

function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

function isBound(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? '') !== '';
}
