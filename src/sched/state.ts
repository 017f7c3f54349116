/**
 * What the scheduler knows of the cluster: nodes, and which pod takes room on which node. Fed by plain watch entries and by its own
 * assumptions: a pod it has placed counts at once, and no longer if its bind fails. The order of entries does not matter.
 */
import { isTerminal, type Pod } from '#api/kinds/pod.ts';
import type { Node } from '#api/kinds/node.ts';
import { NodeTable } from './node-table.ts';
import { podFacts, type PodFacts } from './pod-facts.ts';

type Placed = { readonly facts: PodFacts; readonly node: string; readonly assumed: boolean };

export class SchedulerState {
  readonly nodes = new NodeTable();
  #placed = new Map<string, Placed>();
  #uidsOn = new Map<string, Set<string>>();

  /** True if a pod that found no room may find some now. */
  setNode(node: Node): boolean {
    const name = node.metadata.name ?? '';
    const { slot, isNew, changed, newColumns } = this.nodes.set(node);
    for (const facts of isNew ? this.#on(name) : []) this.nodes.use(slot, facts, 1);
    if (newColumns.length > 0) this.#fillColumns(newColumns, isNew ? slot : -1);
    return changed;
  }

  /** Its pods are remembered: the node may come back before they are deleted. */
  removeNode(name: string): void {
    this.nodes.remove(name);
  }

  /** True if room became free. A pod without a node, or that has ended, takes none. */
  setPod(pod: Pod): boolean {
    const uid = pod.metadata.uid ?? '';
    const node = pod.spec?.nodeName ?? '';
    const old = this.#placed.get(uid);
    if (isTerminal(pod)) return this.removePod(uid);
    if (node === '') return old?.assumed === false && this.removePod(uid);
    const facts = old !== undefined && asksTheSame(old.facts.pod, pod) ? { ...old.facts, pod } : podFacts(pod);
    if (old?.node === node && old.facts.kin === facts.kin && old.facts.owner === facts.owner) {
      this.#placed.set(uid, { facts, node, assumed: false });
      return false;
    }
    this.removePod(uid);
    this.#add({ facts, node, assumed: false });
    return old !== undefined;
  }

  removePod(uid: string): boolean {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return false;
    const { facts, node } = placed;
    this.#placed.delete(uid);
    const uids = this.#uidsOn.get(node);
    uids?.delete(uid);
    if (uids?.size === 0) this.#uidsOn.delete(node);
    const slot = this.nodes.slots.get(node);
    if (slot !== undefined) this.nodes.use(slot, facts, -1);
    return true;
  }

  /** Counts the pod as placed before its bind is committed. */
  assume(facts: PodFacts, node: string): void {
    this.removePod(facts.uid);
    this.#add({ facts, node, assumed: true });
  }

  /** Takes an assumption back; a placement that was seen committed stays. True if there was one. */
  forget(uid: string): boolean {
    return this.#placed.get(uid)?.assumed === true && this.removePod(uid);
  }

  #add(placed: Placed): void {
    const { facts, node } = placed;
    this.#placed.set(facts.uid, placed);
    const uids = this.#uidsOn.get(node) ?? new Set<string>();
    this.#uidsOn.set(node, uids.add(facts.uid));
    const slot = this.nodes.slots.get(node);
    if (slot !== undefined) this.nodes.use(slot, facts, 1);
  }

  *#on(node: string): Iterable<PodFacts> {
    for (const uid of this.#uidsOn.get(node) ?? []) {
      const placed = this.#placed.get(uid);
      if (placed !== undefined) yield placed.facts;
    }
  }

  /** Pods counted before anybody offered the resource; those on slot `except` have been counted already. */
  #fillColumns(resources: readonly string[], except: number): void {
    for (const { facts, node } of this.#placed.values()) {
      const slot = this.nodes.slots.get(node);
      if (slot === undefined || slot === except) continue;
      for (const { resource, amount } of facts.requests)
        if (resources.includes(resource)) this.nodes.useColumn(slot, resource, amount);
    }
  }
}

/** Most writes of a pod are of its status and share the rest with the pod before: no need to read it again. */
function asksTheSame(a: Pod, b: Pod): boolean {
  return (
    a.spec?.containers === b.spec?.containers &&
    a.spec?.initContainers === b.spec?.initContainers &&
    a.spec?.resources === b.spec?.resources &&
    a.spec?.overhead === b.spec?.overhead &&
    a.metadata.ownerReferences === b.metadata.ownerReferences
  );
}
