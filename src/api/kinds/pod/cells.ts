/** A pod's row in `kubectl get pods`: what pkg/printers/internalversion printPod (1.36) says of its state. */
import { parseTime } from '#lib/time.ts';
import type { ContainerStatus, Pod } from '../../generated/types.ts';
import type { Cell, Column } from '../../resource.ts';
import { age, humanDuration } from '../age.ts';
import { AGE_COLUMN, column, NAME_COLUMN, NONE, orNone, wideColumn } from '../columns.ts';
import { isConditionTrue } from '../conditions.ts';
import { isRestartableInit, isTerminal } from './state.ts';

export const POD_COLUMNS: readonly Column[] = [
  NAME_COLUMN,
  column('Ready', 'string', 'Ready containers of all that should keep running.'),
  column('Status', 'string', 'What the pod does, or what it waits for.'),
  column('Restarts', 'string', 'How often its containers were restarted, and how long ago the last time.'),
  AGE_COLUMN,
  wideColumn('IP', 'string', 'Its address.'),
  wideColumn('Node', 'string', 'The node it is bound to.'),
  wideColumn('Nominated Node', 'string', 'The node on which room is being made for it.'),
  wideColumn('Readiness Gates', 'string', 'How many of its readiness gates are open.'),
];

export function podCells(pod: Pod, now: number): readonly Cell[] {
  const { ready, total, reason, restarts, lastRestart } = summarize(pod);
  const ago = restarts > 0 && lastRestart !== undefined ? ` (${humanDuration(now - lastRestart)} ago)` : '';
  return [
    pod.metadata.name ?? '',
    `${ready}/${total}`,
    reason,
    `${restarts}${ago}`,
    age(pod.metadata.creationTimestamp, now),
    orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
    orNone(pod.spec?.nodeName),
    orNone(pod.status?.nominatedNodeName),
    readinessGates(pod),
  ];
}

type Summary = {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When the container that ended last had ended, in ms. */
  readonly lastRestart: number | undefined;
};

function summarize(pod: Pod): Summary {
  const conditions = pod.status?.conditions;
  const inits = new Map((pod.spec?.initContainers ?? []).map((container) => [container.name, container]));
  const sidecars = [...inits.values()].filter(isRestartableInit).length;
  const init = summarizeInit(pod, (name) => isRestartableInit(inits.get(name)));
  const past = init.reason === undefined || isConditionTrue(conditions, 'Initialized');
  const main = past ? summarizeContainers(pod.status?.containerStatuses ?? []) : undefined;
  const counted = past ? init.statuses.filter(({ name }) => isRestartableInit(inits.get(name))) : init.statuses;
  const restarted = [...counted, ...(main === undefined ? [] : (pod.status?.containerStatuses ?? []))];
  const phase = phaseText(pod);
  const reason = (main === undefined ? undefined : settle(main, conditions)) ?? init.reason ?? phase;
  return {
    ready: init.ready + (main?.ready ?? 0),
    total: (pod.spec?.containers ?? []).length + sidecars,
    reason: deletionText(pod) ?? reason,
    restarts: restarted.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0),
    lastRestart: latest(restarted),
  };
}

function phaseText(pod: Pod): string {
  if (pod.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated') === true)
    return 'SchedulingGated';
  return pod.status?.reason !== undefined && pod.status.reason !== '' ? pod.status.reason : (pod.status?.phase ?? '');
}

function deletionText(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return isTerminal(pod) ? undefined : 'Terminating';
}

type InitSummary = {
  readonly ready: number;
  /** What the pod waits for, if it still initializes. */
  readonly reason?: string;
  /** Those looked at: up to the one it waits for. */
  readonly statuses: readonly ContainerStatus[];
};

function summarizeInit(pod: Pod, isSidecar: (name: string) => boolean): InitSummary {
  const statuses = pod.status?.initContainerStatuses ?? [];
  let ready = 0;
  for (const [index, status] of statuses.entries()) {
    const sidecarStarted = isSidecar(status.name) && status.started === true;
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecarStarted) {
      if (status.ready) ready += 1;
      continue;
    }
    return {
      ready,
      reason: initText(status, index, pod.spec?.initContainers?.length ?? 0),
      statuses: statuses.slice(0, index + 1),
    };
  }
  return { ready, statuses };
}

function initText({ state }: ContainerStatus, index: number, total: number): string {
  if (state?.terminated !== undefined) return `Init:${terminatedText(state.terminated)}`;
  const waiting = state?.waiting?.reason ?? '';
  return waiting !== '' && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`;
}

type MainSummary = { readonly ready: number; readonly reason: string | undefined };

/** The first container with something to say gives the reason: upstream walks the list backwards and keeps the last. */
function summarizeContainers(statuses: readonly ContainerStatus[]): MainSummary {
  let ready = 0;
  let reason: string | undefined;
  for (const { state, ready: isReady } of statuses.toReversed()) {
    const waiting = state?.waiting?.reason ?? '';
    if (waiting !== '') reason = waiting;
    else if (state?.terminated !== undefined) reason = terminatedText(state.terminated);
    else if (isReady && state?.running !== undefined) ready += 1;
  }
  return { ready, reason };
}

/** A pod with one container completed and another still running is running, or not ready. */
function settle({ ready, reason }: MainSummary, conditions: NonNullable<Pod['status']>['conditions']): string | undefined {
  if (reason !== 'Completed' || ready === 0) return reason;
  return isConditionTrue(conditions, 'Ready') ? 'Running' : 'NotReady';
}

function terminatedText({
  reason,
  signal,
  exitCode,
}: {
  readonly reason?: string;
  readonly signal?: number;
  readonly exitCode: number;
}): string {
  if (reason !== undefined && reason !== '') return reason;
  return signal !== undefined && signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function latest(statuses: readonly ContainerStatus[]): number | undefined {
  const times = statuses.flatMap(({ lastState }) => parseTime(lastState?.terminated?.finishedAt) ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter(({ conditionType }) => isConditionTrue(pod.status?.conditions, conditionType)).length}/${gates.length}`;
}
