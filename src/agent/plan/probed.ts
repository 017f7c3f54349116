import type { ContainerView } from './container-view.ts';
import { graceMsOf, stop, type Draft } from './draft.ts';
import { restartsAfterProbe } from './restart-policy.ts';

/** A container that a probe has found failed is stopped. What probes say otherwise is part of a container's view. */

/** True where a running container is on its way out because a probe of it has failed (upstream: computePodActions). */
export function stopForProbe(draft: Draft, view: ContainerView): boolean {
  const probe = failedProbe(draft, view);
  if (probe === undefined) return false;
  const { terminationGracePeriodSeconds } = view.container[`${probe}Probe`] ?? {};
  const graceMs = terminationGracePeriodSeconds === undefined ? graceMsOf(draft) : terminationGracePeriodSeconds * 1000;
  const restarts = restartsAfterProbe(draft.item, view) ? ', will be restarted' : '';
  stop(draft, view, draft.now.runningMs + graceMs, `Container ${view.name} failed ${probe} probe${restarts}`, probe);
  return true;
}

function failedProbe(draft: Draft, { memory, observed }: ContainerView): 'startup' | 'liveness' | undefined {
  // Once ordered, a stop goes on, though the agent that knew of the failure is gone; one of another cause is not taken over.
  if (memory?.stop !== undefined) return memory.stop.probe;
  const found = draft.observed.verdicts.get(observed?.id ?? '');
  if (found?.liveness === 'failure') return 'liveness';
  return found?.startup === 'failure' ? 'startup' : undefined;
}
