/** What a pod asks of a node, and its quality of service (k8s.io/component-helpers/resource, pkg/apis/core/helper/qos). */
import type { Container, Pod } from '../../generated/types.ts';
import {
  addQuantities,
  compareQuantities,
  quantityMilliValue,
  quantityValue,
  tryParseQuantity,
  ZERO_QUANTITY,
  type Quantity,
} from '../../quantity.ts';
import { isRestartableInit } from './state.ts';

/** By resource: `cpu` in thousandths, `memory` and `ephemeral-storage` in bytes, `pods` 1, the others in their own unit. */
export type ResourceAmounts = Readonly<Record<string, number>>;

type Quantities = ReadonlyMap<string, Quantity>;
type ResourceTexts = Readonly<Record<string, string>>;

/** The sum of the containers, or what the init containers need at their peak if that is more, and the overhead. */
export function podRequests(pod: Pick<Pod, 'spec'>): ResourceAmounts {
  return { ...amounts(podQuantities(pod, (container) => container.resources?.requests)), pods: 1 };
}

export function podLimits(pod: Pick<Pod, 'spec'>): ResourceAmounts {
  return amounts(podQuantities(pod, (container) => container.resources?.limits));
}

/** A node's capacity or allocatable in the same units. */
export function resourceAmounts(texts: ResourceTexts | undefined): ResourceAmounts {
  return amounts(read(texts));
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Only cpu and memory count; zero counts as absent. */
export function podQosClass(pod: Pick<Pod, 'spec'>): QosClass {
  const pairs = pod.spec?.resources === undefined ? containersOf(pod).map(({ resources }) => resources) : [pod.spec.resources];
  const requests = pairs.map((resources) => counted(resources?.requests));
  const limits = pairs.map((resources) => counted(resources?.limits));
  const [requested, limited] = [requests.reduce(sum, NOTHING), limits.reduce(sum, NOTHING)];
  if (requested.size === 0 && limited.size === 0) return 'BestEffort';
  const guaranteed =
    limits.every((each) => each.size === COUNTED.length) &&
    requested.size === limited.size &&
    [...requested].every(([name, quantity]) => compareQuantities(quantity, limited.get(name) ?? ZERO_QUANTITY) === 0);
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const COUNTED = ['cpu', 'memory'] as const;
const NOTHING: Quantities = new Map();

function containersOf(pod: Pick<Pod, 'spec'>): readonly Container[] {
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
}

function counted(texts: ResourceTexts | undefined): Quantities {
  const all = read(texts);
  return new Map(COUNTED.flatMap((name) => entryOf(all, name)).filter(([, quantity]) => quantity.nanos > 0n));
}

function entryOf(all: Quantities, name: string): readonly (readonly [string, Quantity])[] {
  const quantity = all.get(name);
  return quantity === undefined ? [] : [[name, quantity]];
}

function podQuantities(
  pod: Pick<Pod, 'spec'>,
  of: (container: Pick<Container, 'resources'>) => ResourceTexts | undefined,
): Quantities {
  const { containers = [], initContainers = [], overhead, resources } = pod.spec ?? {};
  let running = containers.map((container) => read(of(container))).reduce(sum, NOTHING);
  let sidecars = NOTHING;
  let peak = NOTHING;
  for (const container of initContainers) {
    const own = read(of(container));
    if (isRestartableInit(container)) {
      running = sum(running, own);
      sidecars = sum(sidecars, own);
      peak = most(peak, sidecars);
    } else {
      peak = most(peak, sum(own, sidecars));
    }
  }
  const whole = new Map([...most(running, peak), ...(resources === undefined ? NOTHING : read(of({ resources })))]);
  return sum(whole, read(overhead));
}

/** An unreadable amount counts as none: it is validation that refuses it, with the field's name. */
function read(texts: ResourceTexts | undefined): Quantities {
  const out = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(texts ?? {})) {
    const quantity = tryParseQuantity(text);
    if (quantity !== undefined) out.set(name, quantity);
  }
  return out;
}

function sum(a: Quantities, b: Quantities): Quantities {
  if (b.size === 0) return a;
  const out = new Map(a);
  for (const [name, quantity] of b) out.set(name, addQuantities(out.get(name) ?? ZERO_QUANTITY, quantity));
  return out;
}

function most(a: Quantities, b: Quantities): Quantities {
  if (b.size === 0) return a;
  const out = new Map(a);
  for (const [name, quantity] of b) {
    const other = out.get(name);
    if (other === undefined || compareQuantities(quantity, other) > 0) out.set(name, quantity);
  }
  return out;
}

function amounts(quantities: Quantities): ResourceAmounts {
  return Object.fromEntries(
    [...quantities].map(([name, quantity]) => [name, name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity)]),
  );
}
