import type { ContainerMemory } from '../memory.ts';
import { crashWaitMs, durationText, nextBackoff } from './backoff.ts';
import type { ContainerView } from './container-view.ts';
import { graceMsOf, recentFailure, setContainer, stop, tell, wakeIn, type Draft } from './draft.ts';
import { imageReady } from './images.ts';
import type { ObservedContainer } from './observed.ts';
import { stopForProbe } from './probed.ts';
import { restartsAfter, restartsAfterProbe } from './restart-policy.ts';
import { isChanged, specHash } from './spec-hash.ts';

/**
 * The containers of a pod whose sandbox stands: init containers one after the other, sidecars among them, then all app containers. Which
 * attempt, when, and why not yet. The sandbox and the end of a pod are elsewhere (pod-plan.ts, termination.ts).
 */
export function planContainers(draft: Draft, views: readonly ContainerView[], sandbox: ObservedContainer): void {
  const appsBegun = views.some(({ role, memory }) => role === 'app' && memory?.sandbox === sandbox.attempt);
  let ready = true;
  for (const view of views) {
    if (view.role === 'app') break;
    if (!ready) {
      draft.waiting.set(view.name, { reason: 'PodInitializing' });
      continue;
    }
    // Once the app containers had their turn in this sandbox, what was initialised stays so; sidecars go on being kept up.
    if (view.role === 'init' && (appsBegun || hasSucceeded(view, sandbox))) continue;
    keepUp(draft, view, sandbox);
    ready = view.role === 'sidecar' ? view.started || appsBegun : false;
  }
  for (const view of views) {
    if (view.role !== 'app') continue;
    if (ready) keepUp(draft, view, sandbox);
    else draft.waiting.set(view.name, { reason: 'PodInitializing' });
  }
}

/** True for an init container that is done in this sandbox. */
function hasSucceeded({ state, memory }: ContainerView, sandbox: { readonly attempt: number }): boolean {
  return state === 'dead' && memory?.exit?.exitCode === 0 && memory.sandbox === sandbox.attempt;
}

/** True where an ended container stays so. One from an earlier sandbox that an init container must redo does not. */
export function isFinished(draft: Pick<Draft, 'item'>, view: ContainerView): boolean {
  if (view.state !== 'dead' || view.memory?.exit === undefined) return false;
  // An attempt that was stopped for a new image goes on with it, whatever the policy.
  if (view.memory.stop !== undefined && isChanged(view.container, view.memory.hash)) return false;
  if (view.memory.stop?.probe !== undefined && restartsAfterProbe(draft.item, view)) return false;
  return !restartsAfter(draft.item, view, view.memory.exit.exitCode);
}

function keepUp(draft: Draft, view: ContainerView, sandbox: ObservedContainer): void {
  if (endStrays(draft, view)) return;
  switch (view.state) {
    case 'running': {
      const { memory } = view;
      if (memory === undefined || stopForProbe(draft, view)) return;
      if (isChanged(view.container, memory.hash)) {
        // What runs is stopped only when what takes its place can start.
        if (!imageReady(draft, view)) return;
        stop(draft, view, draft.now.runningMs + graceMsOf(draft), `Container ${view.name} definition changed, will be restarted`);
      } else if (memory.sandbox !== sandbox.attempt) {
        stop(draft, view, draft.now.runningMs + graceMsOf(draft), `Stopping container ${view.name}`);
      }
      return;
    }
    case 'none':
      return start(draft, view, sandbox, {
        attempt: 0,
        sandbox: sandbox.attempt,
        hash: specHash(view.container),
      });
    case 'begun': {
      if (view.memory === undefined) return;
      const hash = isChanged(view.container, view.memory.hash) ? specHash(view.container) : view.memory.hash;
      return begin(draft, view, sandbox, { ...view.memory, sandbox: sandbox.attempt, hash });
    }
    case 'dead':
      return restart(draft, view, sandbox);
  }
}

function begin(draft: Draft, view: ContainerView, sandbox: ObservedContainer, memory: ContainerMemory): void {
  // A container of this attempt that belongs to an earlier sandbox, or has another image, can never be started: the next attempt is.
  const stale = view.observed !== undefined && (memory.sandbox !== view.memory?.sandbox || memory.hash !== view.memory.hash);
  start(draft, view, sandbox, stale ? { ...memory, attempt: memory.attempt + 1 } : memory);
}

function restart(draft: Draft, view: ContainerView, sandbox: ObservedContainer): void {
  const { memory } = view;
  if (memory?.exit === undefined) return;
  const changed = isChanged(view.container, memory.hash);
  const redoInit = view.role === 'init' && memory.sandbox !== sandbox.attempt;
  if (!redoInit && isFinished(draft, view)) return;
  const waitMs = changed ? 0 : crashWaitMs(memory, draft.now.runningMs);
  if (waitMs > 0) {
    const delay = durationText(memory.backoff?.delayMs ?? 0);
    const { name, namespace, uid } = draft.pod;
    const pod = `${name}_${namespace}(${uid})`;
    const message = `back-off ${delay} restarting failed container=${view.name} pod=${pod}`;
    draft.waiting.set(view.name, { reason: 'CrashLoopBackOff', message });
    tell(draft, {
      type: 'Warning',
      reason: 'BackOff',
      message: `Back-off restarting failed container ${view.name} in pod ${pod}`,
      container: view.name,
      once: `backoff/${view.name}/${memory.attempt}`,
    });
    wakeIn(draft, waitMs);
    return;
  }
  const backoff = changed ? undefined : nextBackoff(memory, draft.now.runningMs);
  start(draft, view, sandbox, {
    attempt: memory.attempt + 1,
    sandbox: sandbox.attempt,
    hash: specHash(view.container),
    last: memory.exit,
    ...(backoff === undefined ? {} : { backoff }),
  });
}

/** Older attempts that run though they should be dead (somebody started one by hand): ended, for two of a container never run at once. */
function endStrays(draft: Draft, { name, memory }: ContainerView): boolean {
  const strays = draft.seen.containers.filter(
    (one) => one.name === name && one.state === 'running' && one.attempt !== memory?.attempt,
  );
  for (const { id } of strays) draft.actions.push({ type: 'kill-container', pod: draft.pod, container: name, id });
  return strays.length > 0;
}

function start(draft: Draft, view: ContainerView, sandbox: ObservedContainer, memory: ContainerMemory): void {
  if (!imageReady(draft, view)) return;
  const failure = recentFailure(draft, `container/${view.name}`);
  if (failure !== undefined) {
    draft.waiting.set(view.name, { reason: failure.reason, message: failure.message });
    return;
  }
  draft.waiting.set(view.name, { reason: 'ContainerCreating' });
  setContainer(draft, view.name, memory);
  draft.actions.push({
    type: 'start-container',
    pod: draft.pod,
    item: draft.item,
    container: view.name,
    attempt: memory.attempt,
    sandboxAttempt: sandbox.attempt,
    sandboxId: sandbox.id,
    hash: memory.hash,
    ...(draft.address === undefined ? {} : { address: draft.address }),
  });
}
