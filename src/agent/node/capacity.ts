import {
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMilliValue,
  quantityOf,
  quantityValue,
} from '#api/quantity.ts';
import type { PodFacts } from '../render/field-ref.ts';
import { capacityOf } from '../plan/addresses.ts';

/** What the node has and offers. What an operator caps (`--capacity cpu=…,memory=…`) is neither had nor offered above the cap. Pure. */
export type CapacityInput = {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly podCidr: string | undefined;
  readonly caps: Readonly<Record<string, string>>;
};

/** Upstream's default. */
const PODS_MAX = 110;
const STORAGE_RESERVED_SHARE = 0.1;

export type Capacity = {
  readonly capacity: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
};

export function nodeCapacity({ cpus, memoryBytes, storageBytes, podCidr, caps }: CapacityInput): Capacity {
  const pods = podCidr === undefined ? PODS_MAX : Math.min(PODS_MAX, capacityOf(podCidr));
  const kib = (bytes: number) => `${Math.floor(bytes / 1024)}Ki`;
  const capacity = {
    cpu: capped(String(cpus), caps['cpu']),
    memory: capped(kib(memoryBytes), caps['memory']),
    'ephemeral-storage': capped(kib(storageBytes), caps['ephemeral-storage']),
    pods: capped(String(pods), caps['pods']),
  };
  // As upstream, pods are not offered the share of the disk below which the node is under pressure.
  const storage = Math.floor(quantityValue(parseQuantity(capacity['ephemeral-storage'])) * (1 - STORAGE_RESERVED_SHARE));
  return { capacity, allocatable: { ...capacity, 'ephemeral-storage': formatQuantity(quantityOf(storage)) } };
}

/** The numbers that the downward API needs. */
export function allocatableOf({ allocatable }: Capacity): PodFacts['allocatable'] {
  const quantity = (name: string) => parseQuantity(allocatable[name] ?? '0');
  return {
    cpuMilli: quantityMilliValue(quantity('cpu')),
    memoryBytes: quantityValue(quantity('memory')),
    storageBytes: quantityValue(quantity('ephemeral-storage')),
  };
}

function capped(value: string, cap: string | undefined): string {
  if (cap === undefined) return value;
  return compareQuantities(parseQuantity(cap), parseQuantity(value)) < 0 ? cap : value;
}
