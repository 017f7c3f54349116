import type { ContainerMemory } from '../memory.ts';
import type { ContainerView } from './container-view.ts';
import { graceMsOf, stop, type Draft } from './draft.ts';
import type { ProbeVerdict, ProbeVerdicts } from './observed.ts';
import { restartsAfterProbe } from './restart-policy.ts';

/** What probes have found, as the plan takes it: into memory what is to hold, and a container that failed is stopped. */

/** Memory with what probes have found since it was written; the very same where nothing has changed. */
export function noteVerdicts(
  memories: Readonly<Record<string, ContainerMemory>>,
  verdicts: ReadonlyMap<string, ProbeVerdicts>,
): Readonly<Record<string, ContainerMemory>> {
  return Object.fromEntries(Object.entries(memories).map(([name, memory]) => [name, noted(memory, verdicts)]));
}

function noted(memory: ContainerMemory, verdicts: ReadonlyMap<string, ProbeVerdicts>): ContainerMemory {
  const found = memory.id === undefined || memory.exit !== undefined ? undefined : verdicts.get(memory.id);
  if (found === undefined) return memory;
  const { probed: known, ...rest } = memory;
  // What has started stays so.
  const started = known?.started === true || found.startup === 'success';
  const ready = holds(known?.ready, found.readiness);
  if (!started && !ready) return rest;
  return { ...rest, probed: { ...(started ? { started } : {}), ...(ready ? { ready } : {}) } };
}

function holds(known: true | undefined, found: ProbeVerdict | undefined): boolean {
  return found === undefined ? known === true : found === 'success';
}

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
