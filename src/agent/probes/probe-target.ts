import type { Container, Probe } from '#api/generated/types.ts';
import type { Documents, Memory } from '../ledger/ledger.ts';
import { addressOf, podMemory, reportedStatus } from '../memory.ts';
import type { PodName } from '../plan/action.ts';
import { viewContainers, type ContainerView } from '../plan/container-view.ts';
import { podNameOf } from '../plan/draft.ts';
import { podItem } from '../plan/items.ts';
import { NOTHING_OBSERVED, type Observed, type ProbeKind } from '../plan/observed.ts';

/** Which probes of a pod are to be tried now, of what runs and what is known of it. Pure: who tries them, and when, is prober.ts. */
export type ProbeTarget = {
  /** `<container id>/<kind>`: a new attempt is another target. */
  readonly key: string;
  readonly pod: PodName;
  readonly container: Container;
  readonly containerId: string;
  readonly kind: ProbeKind;
  readonly probe: Probe;
  /** Undefined while the pod has none. */
  readonly address: string | undefined;
  readonly startedWallMs: number | undefined;
};

export function probeTargets(documents: Documents, memory: Memory, observed: Observed, uid: string): readonly ProbeTarget[] {
  const item = podItem(documents, uid);
  const pod = podMemory(memory, uid);
  if (item === undefined || pod === undefined || pod.verdict !== undefined || pod.gone === true) return [];
  // What is on its way out is not restarted any more; whether it still serves goes on to matter.
  const leaves = item.metadata.deletionTimestamp !== undefined && documents.removalsAllowed;
  const address = item.spec.hostNetwork === true ? observed.hostAddress : addressOf(memory, uid);
  // By what is written down alone: a verdict that is acted upon here, with its probe taken away, would be forgotten before it is.
  const probes = { verdicts: new Map(), reported: reportedStatus(memory, uid) };
  const views = viewContainers(item, pod.containers, observed.pods.get(uid) ?? NOTHING_OBSERVED, probes);
  return views.flatMap((view) =>
    kindsOf(view, leaves).flatMap((kind) => {
      const { container, observed: seen } = view;
      const probe = container[`${kind}Probe`];
      if (probe === undefined || seen === undefined) return [];
      const key = `${seen.id}/${kind}`;
      const { id: containerId, startedWallMs } = seen;
      return [{ key, pod: podNameOf(item), container, containerId, kind, probe, address, startedWallMs }];
    }),
  );
}

/** Startup comes before the others, and is over for good once it has succeeded. */
function kindsOf({ role, state, started, memory }: ContainerView, leaves: boolean): readonly ProbeKind[] {
  if (role === 'init' || state !== 'running') return [];
  const mayEnd = !leaves && memory?.stop === undefined;
  if (!started) return mayEnd ? ['startup'] : [];
  return mayEnd ? ['readiness', 'liveness'] : ['readiness'];
}
