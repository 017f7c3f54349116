import type { PodItem } from '#api/link/items.ts';
import type { Report } from '#api/link/reports.ts';
import { cutText } from '#lib/cut-text.ts';
import { rfc3339 } from '#lib/time.ts';
import type { PodEvent, PodName } from './plan/action.ts';

/** Events of pods as reports, and what keeps the same one from being told again and again by one run of the agent. */

/** Of one pod. */
const TOLD_MAX = 1_000;
/** As the Kubernetes API allows. */
const MESSAGE_BYTES_MAX = 1_024;

/** True the first time. Of pods that were told of very much, everything is told again rather than kept in mind for ever. */
export function isNews(told: Map<string, Set<string>>, uid: string, { once }: PodEvent): boolean {
  const known = told.get(uid) ?? new Set();
  if (known.has(once)) return false;
  if (known.size >= TOLD_MAX) known.clear();
  told.set(uid, known.add(once));
  return true;
}

export function eventReport(pod: PodName, event: Omit<PodEvent, 'once'>, item: PodItem | undefined, wallMs: number): Report {
  const isInit = item?.spec.initContainers?.some(({ name }) => name === event.container) === true;
  const fieldPath =
    event.container === undefined ? {} : { fieldPath: `spec.${isInit ? 'initContainers' : 'containers'}{${event.container}}` };
  const { uid, namespace, name } = pod;
  const { type, reason, message } = event;
  return {
    class: 'event',
    body: {
      involved: { kind: 'Pod', namespace, name, uid, ...fieldPath },
      type,
      reason,
      message: cutText(message, MESSAGE_BYTES_MAX),
      time: rfc3339(wallMs),
      count: event.count ?? 1,
    },
  };
}
