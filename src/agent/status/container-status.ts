import type { Container, ContainerStatus } from '#api/generated/types.ts';
import { cutText } from '#lib/cut-text.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Exit } from '../memory.ts';
import { containerIdText, type ContainerView } from '../plan/container-view.ts';
import type { Waiting } from '../plan/draft.ts';

/**
 * Of the messages of one pod's containers, shared between them (upstream: MaxPodTerminationMessageLogLength): a status must fit into one
 * record of the outbox, or the pod could never be told of, nor acted upon.
 */
const MESSAGES_BYTES_MAX = 12 * 1024;

/** One container's status as upstream's kubelet reports it. */
export function containerStatus(
  view: ContainerView,
  waiting: Waiting | undefined,
  views: readonly ContainerView[],
  sandboxAttempt: number,
  phase: string,
): ContainerStatus {
  const { name, memory, observed, container } = view;
  const exit = memory?.exit;
  const running = view.state === 'running';
  // A dead container that waits for its next start shows the wait; what it died of is its last state.
  const waits = !running && (exit === undefined || (waiting !== undefined && phase !== 'Succeeded' && phase !== 'Failed'));
  const last = waits && exit !== undefined ? exit : memory?.last;
  const image = observed?.image ?? exit?.image ?? '';
  const messageBytesMax = Math.floor(MESSAGES_BYTES_MAX / views.length);
  return {
    name,
    state: running
      ? { running: observed?.startedWallMs === undefined ? {} : { startedAt: rfc3339(observed.startedWallMs) } }
      : waits
        ? { waiting: shortened(waiting ?? defaultWaiting(view, views, sandboxAttempt), messageBytesMax) }
        : { terminated: terminated(exit, messageBytesMax) },
    lastState: last === undefined ? {} : { terminated: terminated(last, messageBytesMax) },
    ready: view.role === 'init' ? exit?.exitCode === 0 : view.ready,
    restartCount: restarts(memory),
    image: image === '' ? (container.image ?? '') : image,
    imageID: observed?.imageId ?? exit?.imageId ?? '',
    ...containerId(observed?.id ?? (waits ? last?.id : exit?.id)),
    started: view.started,
    ...(observed === undefined && exit === undefined ? {} : given(container)),
  };
}

/** No container is resized here yet: what it was given is what its spec asks for (upstream: convertContainerStatusResources). */
function given({ resources }: Container): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const { requests } = resources ?? {};
  return {
    ...(resources === undefined ? {} : { resources }),
    ...(requests === undefined ? {} : { allocatedResources: requests }),
  };
}

/** An attempt that is ordered counts once it is seen. */
function restarts(memory: ContainerView['memory']): number {
  if (memory === undefined) return 0;
  const isMade = memory.id !== undefined || memory.exit !== undefined;
  return isMade ? memory.attempt : Math.max(0, memory.attempt - 1);
}

/** True once every init container is done in this sandbox and every sidecar was started, or the app containers had their turn. */
export function isInitialized(views: readonly ContainerView[], sandboxAttempt: number): boolean {
  if (views.some(({ role, memory }) => role === 'app' && memory?.sandbox === sandboxAttempt)) return true;
  return views.every(({ role, state, started, memory }) => {
    if (role === 'app') return true;
    if (role === 'sidecar') return started;
    return state === 'dead' && memory?.exit?.exitCode === 0 && memory.sandbox === sandboxAttempt;
  });
}

function defaultWaiting(view: ContainerView, views: readonly ContainerView[], sandboxAttempt: number): Waiting {
  const first = views[0] === view || (view.role === 'app' && isInitialized(views, sandboxAttempt));
  return { reason: first ? 'ContainerCreating' : 'PodInitializing' };
}

function shortened(waiting: Waiting, bytesMax: number): Waiting {
  return waiting.message === undefined ? waiting : { ...waiting, message: cutText(waiting.message, bytesMax) };
}

function terminated(
  exit: Exit | undefined,
  messageBytesMax: number,
): NonNullable<NonNullable<ContainerStatus['state']>['terminated']> {
  if (exit === undefined) return { exitCode: 0 };
  return {
    exitCode: exit.exitCode,
    reason: exit.reason,
    ...(exit.message === undefined ? {} : { message: cutText(exit.message, messageBytesMax) }),
    ...(exit.startedWallMs === undefined ? {} : { startedAt: rfc3339(exit.startedWallMs) }),
    ...(exit.finishedWallMs === undefined ? {} : { finishedAt: rfc3339(exit.finishedWallMs) }),
    ...containerId(exit.id),
  };
}

function containerId(id: string | undefined): { readonly containerID?: string } {
  return id === undefined ? {} : { containerID: containerIdText(id) };
}
