import { unreachable } from '#lib/assert.ts';
import type { PodStatus } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import type { ContainerMemory, Exit } from '../memory.ts';
import type { ObservedContainer, ObservedPod, ProbeVerdicts } from './observed.ts';
import { containersOf, type PodContainer } from './restart-policy.ts';

/**
 * One container of a pod as memory and the engine together tell it: what both the plan and the status are made from. A pure reading;
 * deciding is pod-plan.ts.
 */
export type ContainerView = PodContainer & {
  readonly name: string;
  readonly memory?: ContainerMemory;
  /** The engine's container of the newest attempt. */
  readonly observed?: ObservedContainer;
  readonly state: ContainerState;
  /** It runs, and its startup probe has succeeded, if it has one. */
  readonly started: boolean;
  /** It has started, and its readiness probe says so, if it has one. */
  readonly ready: boolean;
};

/**
 * none: no attempt yet;  begun: an attempt is committed, but nothing was started yet (go on with the same attempt);
 * running;  dead: the newest attempt has ended.
 */
export type ContainerState = 'none' | 'begun' | 'running' | 'dead';

/** Upstream's exit code and words for a container that is not there any more. */
const VANISHED: Pick<Exit, 'exitCode' | 'reason' | 'message'> = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was synced',
};

/** What is known of a pod's probes. */
export type ProbesKnown = {
  /** By container id, since this agent began. */
  readonly verdicts: ReadonlyMap<string, ProbeVerdicts>;
  /** The pod's status as reported last. */
  readonly reported: PodStatus | undefined;
};

/** `memories` after settleContainers. */
export function viewContainers(
  item: PodItem,
  memories: Readonly<Record<string, ContainerMemory>>,
  observed: ObservedPod,
  probes: ProbesKnown,
): readonly ContainerView[] {
  return containersOf(item).map((entry) => {
    const { name } = entry.container;
    const memory = memories[name];
    const seen = memory && observed.containers.find((one) => one.name === name && one.attempt === memory.attempt);
    const state = stateOf(memory, seen);
    const { startupProbe, readinessProbe } = entry.container;
    const probed = seen === undefined ? NOT_PROBED : probedOf(name, seen.id, probes);
    const started = state === 'running' && (startupProbe === undefined || probed.started);
    return {
      ...entry,
      name,
      ...(memory === undefined ? {} : { memory }),
      ...(seen === undefined ? {} : { observed: seen }),
      state,
      started,
      ready: started && (readinessProbe === undefined || probed.ready),
    };
  });
}

type Probed = { readonly started: boolean; readonly ready: boolean };

const NOT_PROBED: Probed = { started: false, ready: false };

/**
 * As probes have found, else as was last reported of this very attempt: so it holds over a restart of the agent, also where the agent before tried no probes.
 * What has started stays so.
 */
function probedOf(name: string, id: string, { verdicts, reported }: ProbesKnown): Probed {
  const statuses = [...(reported?.initContainerStatuses ?? []), ...(reported?.containerStatuses ?? [])];
  const last = statuses.find((status) => status.name === name && status.containerID === containerIdText(id));
  const { startup, readiness } = verdicts.get(id) ?? {};
  return {
    started: last?.started === true || startup === 'success',
    ready: readiness === undefined ? last?.ready === true : readiness === 'success',
  };
}

/** As a status names a container of the engine. */
export function containerIdText(id: string): string {
  return `docker://${id}`;
}

function stateOf(memory: ContainerMemory | undefined, observed: ObservedContainer | undefined): ContainerState {
  if (memory === undefined) return 'none';
  if (memory.exit !== undefined) return 'dead';
  if (observed === undefined) return 'begun';
  switch (observed.state) {
    case 'running':
      return 'running';
    case 'exited':
      return 'dead';
    case 'created':
      return 'begun';
    default:
      return unreachable(observed.state);
  }
}

/** Memory brought up to what is seen: ids of running containers, exits of dead ones, and containers that a lost ledger had forgotten. */
export function settleContainers(
  item: PodItem,
  memories: Readonly<Record<string, ContainerMemory>>,
  observed: ObservedPod,
  nowMs: number,
): Readonly<Record<string, ContainerMemory>> {
  const settled: Record<string, ContainerMemory> = {};
  for (const { container } of containersOf(item)) {
    const newest = observed.containers.filter(({ name }) => name === container.name).toSorted((a, b) => b.attempt - a.attempt)[0];
    const known = memories[container.name] ?? (newest && adopted(newest));
    if (known === undefined) continue;
    const adoptable = newest !== undefined && newest.attempt > known.attempt ? adopted(newest) : known;
    const current = observed.containers.find(({ name, attempt }) => name === container.name && attempt === adoptable.attempt);
    settled[container.name] = settle(adoptable, current, observed, nowMs);
  }
  return settled;
}

function settle(
  memory: ContainerMemory,
  observed: ObservedContainer | undefined,
  pod: ObservedPod,
  nowMs: number,
): ContainerMemory {
  if (memory.exit !== undefined) return memory;
  if (observed === undefined) {
    if (memory.id === undefined) return memory;
    return { ...memory, diedMs: nowMs, exit: { ...VANISHED, id: memory.id, image: '', imageId: '', lost: true } };
  }
  const withId = memory.id === observed.id ? memory : { ...memory, id: observed.id };
  const failedToStart = observed.state === 'created' && (observed.error !== '' || observed.exitCode !== 0);
  if (observed.state === 'exited' || failedToStart) {
    return { ...withId, diedMs: nowMs, exit: exitOf(observed, sandboxDied(memory, pod)) };
  }
  // The id of a container that was only created is no proof that it ever ran: it counts from its start.
  return observed.state === 'running' ? withId : memory;
}

function adopted(observed: ObservedContainer): ContainerMemory {
  return { attempt: observed.attempt, sandbox: observed.sandboxAttempt, hash: observed.hash };
}

function sandboxDied(memory: ContainerMemory, pod: ObservedPod): boolean {
  return !pod.sandboxes.some(({ attempt, state }) => attempt === memory.sandbox && state === 'running');
}

/** Upstream's CRI runtimes answer this for whatever could not be started. */
const EXIT_NOT_STARTED = 128;

function exitOf(observed: ObservedContainer, lost: boolean): Exit {
  const neverStarted = observed.state === 'created';
  const message = neverStarted ? observed.error : observed.message;
  return {
    id: observed.id,
    image: observed.image,
    imageId: observed.imageId,
    exitCode: neverStarted ? EXIT_NOT_STARTED : observed.exitCode,
    reason: reasonOf(observed),
    ...(message === undefined || message === '' ? {} : { message }),
    ...(observed.startedWallMs === undefined ? {} : { startedWallMs: observed.startedWallMs }),
    ...(observed.finishedWallMs === undefined ? {} : { finishedWallMs: observed.finishedWallMs }),
    ...(lost ? { lost } : {}),
  };
}

function reasonOf({ state, oomKilled, exitCode }: ObservedContainer): string {
  if (state === 'created') return 'StartError';
  if (exitCode === 0) return 'Completed';
  return oomKilled ? 'OOMKilled' : 'Error';
}
