import type { PodCondition, PodStatus } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import { rfc3339 } from '#lib/time.ts';
import type { PodMemory } from '../memory.ts';
import type { ContainerView } from '../plan/container-view.ts';
import type { Waiting } from '../plan/draft.ts';
import type { Now } from '../plan/observed.ts';
import { containerStatus, isInitialized } from './container-status.ts';

/**
 * A pod's status as upstream's kubelet reports it: the fields that belong to the node, and nothing that belongs to others (PodScheduled,
 * qosClass). Pure; transition times are taken over from the status reported before.
 */
export type PodStatusInput = {
  readonly item: PodItem;
  readonly memory: PodMemory;
  readonly views: readonly ContainerView[];
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly sandboxReady: boolean;
  readonly address: string | undefined;
  readonly hostAddress: string | undefined;
  readonly previous: PodStatus | undefined;
  /** The pod was deleted and nothing of it is left. */
  readonly removed: boolean;
  readonly now: Now;
};

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export function podStatus(input: PodStatusInput): PodStatus {
  const { item, memory, views, previous, hostAddress } = input;
  const phase = phaseOf(input);
  const statuses = (roles: readonly ContainerView['role'][]) =>
    views
      .filter(({ role }) => roles.includes(role))
      .map((view) => containerStatus(view, input.waiting.get(view.name), views, memory.sandboxAttempt, phase));
  const init = statuses(['init', 'sidecar']);
  const ip = addressShown(input) ?? (memory.verdict === undefined && !input.removed ? undefined : previous?.podIP);
  return {
    phase,
    conditions: conditionsOf(input, phase),
    ...(memory.verdict?.message ? { message: memory.verdict.message } : {}),
    ...(memory.verdict?.reason ? { reason: memory.verdict.reason } : {}),
    ...(hostAddress === undefined ? {} : { hostIP: hostAddress, hostIPs: [{ ip: hostAddress }] }),
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: rfc3339(memory.seenWallMs),
    ...(item.spec.initContainers === undefined || item.spec.initContainers.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: statuses(['app']),
  };
}

function addressShown({ item, memory, address, hostAddress }: PodStatusInput): string | undefined {
  if (memory.sandboxAttempt < 0 || memory.verdict !== undefined) return undefined;
  return item.spec.hostNetwork === true ? hostAddress : address;
}

/** Upstream: getPhase of pkg/kubelet. */
function phaseOf({ item, memory, views, removed }: PodStatusInput): Phase {
  if (memory.verdict !== undefined) return memory.verdict.phase;
  const apps = views.filter(({ role }) => role === 'app');
  if (removed) return apps.every((view) => view.memory?.exit?.exitCode === 0) ? 'Succeeded' : 'Failed';
  if (!isInitialized(views, memory.sandboxAttempt)) return 'Pending';
  const neverRan = apps.some((view) => (view.state === 'none' || view.state === 'begun') && view.memory?.last === undefined);
  if (neverRan) return 'Pending';
  if (apps.some(({ state }) => state === 'running') || (item.spec.restartPolicy ?? 'Always') === 'Always') return 'Running';
  // Ended without a verdict: a deleted pod on its way out.
  if (memory.termination !== undefined && apps.every(({ state }) => state === 'dead')) {
    return apps.every((view) => view.memory?.exit?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  return 'Running';
}

type ConditionValue = {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
};

function conditionsOf(input: PodStatusInput, phase: Phase): readonly PodCondition[] {
  const { views, memory, sandboxReady } = input;
  const ended: Partial<Record<Phase, string>> = { Succeeded: 'PodCompleted', Failed: 'PodFailed' };
  const reason = ended[phase];
  const unready = views
    .filter((view) => view.role === 'app' || view.role === 'sidecar')
    .filter(({ ready: isReady }) => !isReady)
    .map(({ name }) => name);
  const ready: Omit<ConditionValue, 'type'> =
    reason !== undefined
      ? { status: 'False', reason }
      : unready.length === 0
        ? { status: 'True' }
        : { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const values: readonly ConditionValue[] = [
    { type: 'PodReadyToStartContainers', status: sandboxReady && memory.verdict === undefined ? 'True' : 'False' },
    { type: 'Initialized', ...initialized(views, memory.sandboxAttempt, phase) },
    { type: 'Ready', ...(ready.status === 'True' ? gated(input.item) : ready) },
    { type: 'ContainersReady', ...ready },
  ];
  return values.map((value) => ({ ...value, lastTransitionTime: sinceOf(input, value) }));
}

/** Ready too, as far as others have a say in it (upstream: GeneratePodReadyCondition). */
function gated({ spec, gates = {} }: PodItem): Omit<ConditionValue, 'type'> {
  const problems = (spec.readinessGates ?? []).flatMap(({ conditionType: type }) => {
    const status = gates[type];
    if (status === undefined) return [`corresponding condition of pod readiness gate ${JSON.stringify(type)} does not exist.`];
    return status === 'True' ? [] : [`the status of pod readiness gate ${JSON.stringify(type)} is not "True", but ${status}`];
  });
  if (problems.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

function initialized(views: readonly ContainerView[], sandbox: number, phase: Phase): Omit<ConditionValue, 'type'> {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (isInitialized(views, sandbox)) return { status: 'True' };
  const open = views.filter(({ role, state, started, memory }) =>
    role === 'init' ? !(state === 'dead' && memory?.exit?.exitCode === 0) : role === 'sidecar' && !started,
  );
  const message = `containers with incomplete status: [${open.map(({ name }) => name).join(' ')}]`;
  return { status: 'False', reason: 'ContainersNotInitialized', message };
}

function sinceOf({ previous, now }: PodStatusInput, value: ConditionValue): string {
  const before = previous?.conditions?.find(({ type }) => type === value.type);
  return before?.status === value.status && before.lastTransitionTime !== undefined
    ? before.lastTransitionTime
    : rfc3339(now.wallMs);
}
