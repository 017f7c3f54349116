/**
 * The nodes as columns: one typed array per resource, one slot per node, so that a scan of all of them is a walk through memory.
 * It knows what pods use, not which pods: that is SchedulerState's. Invariants:
 *  - a slot's `version` grows whenever anything a filter or score reads of the node's spec may have changed, also when it is freed;
 *  - what is added to a slot and taken away again leaves the same numbers (whole amounts, exact below 2^53).
 */
import { resourceAmounts, type ResourceAmounts } from '#api/kinds/pod.ts';
import type { Node, Taint } from '#api/kinds/node.ts';
import type { PodFacts } from './pod-facts.ts';

/** What the filters and scores read of a node's spec. */
export type NodeFacts = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
};

/** What is left may be negative: pods can be bound without asking the scheduler. */
export type Column = { readonly allocatable: Float64Array; readonly free: Float64Array };

/** Node statuses are written by nodes: one that invents resources gets no more columns than this. */
export const COLUMNS_MAX = 256;
/** These have their columns whatever nodes offer. */
const STANDARD = ['cpu', 'memory', 'ephemeral-storage', 'pods'];
const SLOTS_MIN = 64;

export class NodeTable {
  readonly slots = new Map<string, number>();
  readonly columns = new Map<string, Column>(STANDARD.map((name) => [name, emptyColumn(SLOTS_MIN)]));
  /** Slots in use are below this; some of those may be free. */
  end = 0;
  /** Grows with any slot's version. */
  generation = 0;
  facts: (NodeFacts | undefined)[] = [];
  version = new Uint32Array(SLOTS_MIN);
  /** Allocatable cpu and memory once more, as what one unit is worth, and use as scores count it. */
  perCpu = new Float64Array(SLOTS_MIN);
  perMemory = new Float64Array(SLOTS_MIN);
  scoreCpu = new Float64Array(SLOTS_MIN);
  scoreMemory = new Float64Array(SLOTS_MIN);
  /** Place of the node among all by name: the smaller wins a tie. */
  rank = new Int32Array(SLOTS_MIN);
  #specs = new Map<string, string>();
  /** By port, then slot. */
  #ports = new Map<string, Map<number, readonly string[]>>();
  /** By owner, then slot; and those of the owner asked for last once more as a column, for replicas come in a row. */
  #owners = new Map<string, Map<number, number>>();
  #lastOwner = '';
  #lastOwnersPods = new Int32Array(SLOTS_MIN);
  #free: number[] = [];
  #ranked = true;

  get size(): number {
    return this.slots.size;
  }

  /** Gives back the slot, and whether anything changed that may let a waiting pod in; `isNew` slots have no uses yet. */
  set(node: Node): {
    readonly slot: number;
    readonly isNew: boolean;
    readonly changed: boolean;
    readonly newColumns: readonly string[];
  } {
    const name = node.metadata.name ?? '';
    const { labels = {} } = node.metadata;
    const { taints = [], unschedulable = false } = node.spec ?? {};
    const { allocatable = {} } = node.status ?? {};
    const spec = JSON.stringify([labels, taints, unschedulable, allocatable]);
    const known = this.slots.get(name);
    if (known !== undefined && this.#specs.get(name) === spec)
      return { slot: known, isNew: false, changed: false, newColumns: [] };
    const slot = known ?? this.#take(name);
    this.#specs.set(name, spec);
    this.facts[slot] = { name, labels, taints, unschedulable };
    this.#touch(slot);
    const newColumns = this.#offer(slot, resourceAmounts(allocatable));
    return { slot, isNew: known === undefined, changed: true, newColumns };
  }

  /** Frees the node's slot; its uses are gone with it. */
  remove(name: string): void {
    const slot = this.slots.get(name);
    if (slot === undefined) return;
    this.slots.delete(name);
    this.#specs.delete(name);
    forget(this.#ports, slot);
    forget(this.#owners, slot);
    this.#lastOwnersPods[slot] = 0;
    for (const { allocatable, free } of this.columns.values()) allocatable[slot] = free[slot] = 0;
    for (const column of [this.perCpu, this.perMemory, this.scoreCpu, this.scoreMemory]) column[slot] = 0;
    this.facts[slot] = undefined;
    this.#touch(slot);
    this.#free.push(slot);
  }

  /** `sign` 1 takes what the pod asks for from the node's room, -1 gives it back. */
  use(slot: number, pod: PodFacts, sign: 1 | -1): void {
    for (const { resource, amount } of pod.requests) this.useColumn(slot, resource, amount * sign);
    this.scoreCpu[slot] = (this.scoreCpu[slot] ?? 0) + pod.scoreCpu * sign;
    this.scoreMemory[slot] = (this.scoreMemory[slot] ?? 0) + pod.scoreMemory * sign;
    if (pod.owner !== undefined) this.#count(pod.owner, slot, sign);
    for (const { port, ip } of pod.hostPorts) this.#occupy(slot, port, ip, sign);
  }

  useColumn(slot: number, resource: string, amount: number): void {
    const free = this.columns.get(resource)?.free;
    if (free !== undefined) free[slot] = (free[slot] ?? 0) - amount;
  }

  /** The addresses on which a port (`TCP/80`) is taken, by slot. */
  ipsBySlot(port: string): ReadonlyMap<number, readonly string[]> | undefined {
    return this.#ports.get(port);
  }

  /** How many pods of this owner there are, by slot. Good until the next call. */
  podsOfOwner(owner: string): Int32Array {
    if (owner === this.#lastOwner) return this.#lastOwnersPods;
    for (const slot of this.#owners.get(this.#lastOwner)?.keys() ?? []) this.#lastOwnersPods[slot] = 0;
    for (const [slot, count] of this.#owners.get(owner) ?? []) this.#lastOwnersPods[slot] = count;
    this.#lastOwner = owner;
    return this.#lastOwnersPods;
  }

  /** Ranks are made when somebody asks, for thousands of nodes may come at once. */
  ranks(): Int32Array {
    if (this.#ranked) return this.rank;
    const byName = [...this.slots].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [place, [, slot]] of byName.entries()) this.rank[slot] = place;
    this.#ranked = true;
    return this.rank;
  }

  #touch(slot: number): void {
    this.version[slot] = (this.version[slot] ?? 0) + 1;
    this.generation += 1;
  }

  #take(name: string): number {
    const slot = this.#free.pop() ?? this.end++;
    if (slot >= this.version.length) this.#grow(this.version.length * 2);
    this.slots.set(name, slot);
    this.#ranked = false;
    return slot;
  }

  #offer(slot: number, amounts: ResourceAmounts): readonly string[] {
    const newColumns = Object.keys(amounts).filter((name) => !this.columns.has(name));
    for (const name of newColumns.slice(0, Math.max(0, COLUMNS_MAX - this.columns.size))) {
      this.columns.set(name, emptyColumn(this.version.length));
    }
    for (const [name, { allocatable, free }] of this.columns) {
      const more = (amounts[name] ?? 0) - (allocatable[slot] ?? 0);
      allocatable[slot] = (allocatable[slot] ?? 0) + more;
      free[slot] = (free[slot] ?? 0) + more;
    }
    this.perCpu[slot] = perUnit(amounts['cpu']);
    this.perMemory[slot] = perUnit(amounts['memory']);
    return newColumns;
  }

  #count(owner: string, slot: number, sign: 1 | -1): void {
    const counts = this.#owners.get(owner) ?? new Map<number, number>();
    const count = (counts.get(slot) ?? 0) + sign;
    if (count > 0) counts.set(slot, count);
    else counts.delete(slot);
    if (owner === this.#lastOwner) this.#lastOwnersPods[slot] = count;
    if (counts.size > 0) this.#owners.set(owner, counts);
    else this.#owners.delete(owner);
  }

  #occupy(slot: number, port: string, ip: string, sign: 1 | -1): void {
    const bySlot = this.#ports.get(port) ?? new Map<number, readonly string[]>();
    const ips = bySlot.get(slot) ?? [];
    const next = sign === 1 ? [...ips, ip] : ips.toSpliced(ips.indexOf(ip), 1);
    if (next.length > 0) bySlot.set(slot, next);
    else bySlot.delete(slot);
    if (bySlot.size > 0) this.#ports.set(port, bySlot);
    else this.#ports.delete(port);
  }

  #grow(length: number): void {
    const longer = (column: Float64Array) => {
      const next = new Float64Array(length);
      next.set(column);
      return next;
    };
    for (const [name, { allocatable, free }] of this.columns)
      this.columns.set(name, { allocatable: longer(allocatable), free: longer(free) });
    this.perCpu = longer(this.perCpu);
    this.perMemory = longer(this.perMemory);
    this.scoreCpu = longer(this.scoreCpu);
    this.scoreMemory = longer(this.scoreMemory);
    const version = new Uint32Array(length);
    version.set(this.version);
    this.version = version;
    this.rank = new Int32Array(length);
    this.#lastOwnersPods = new Int32Array(length);
    this.#lastOwner = '';
    this.#ranked = false;
  }
}

/** A slot is freed: nothing is kept of what only it had. */
function forget(bySlot: Map<string, Map<number, unknown>>, slot: number): void {
  for (const [key, slots] of bySlot) if (slots.delete(slot) && slots.size === 0) bySlot.delete(key);
}

function perUnit(amount: number | undefined): number {
  return amount === undefined || amount <= 0 ? 1 : 1 / amount;
}

function emptyColumn(length: number): Column {
  return { allocatable: new Float64Array(length), free: new Float64Array(length) };
}
