/** Lets events go after an hour, and the oldest beyond what a namespace or the cluster may keep. Ages by the store's clock, which never jumps. */
import type { KubeObject } from '#api/object.ts';
import type { View } from '../view.ts';
import { deleteChange } from './changes.ts';
import type { Controller, Outcome } from './controller.ts';

export const EVENT_TTL_MS = 60 * 60_000;
export const EVENTS_PER_NAMESPACE_MAX = 1_000;
export const EVENTS_MAX = 10_000;
/** Between two looks: more than the caps may stand for as long. */
const PERIOD_MS = 30_000;
const BURST_MAX = 500;
/** There is one pile. */
const KEY = 'events';

export const eventExpiry: Controller = {
  name: 'event-expiry',
  keysOf: () => [],
  keys: () => [KEY],
  reconcile: (_key, view) => reconcile(view),
};

function reconcile(view: View): Outcome {
  const youngestFirst = view
    .list('events')
    .map((event) => ({ event, ageMs: view.sinceWriteMs('events', event.metadata.namespace ?? '', event.metadata.name ?? '') }))
    .toSorted((a, b) => a.ageMs - b.ageMs);
  const inNamespace = new Map<string, number>();
  const doomed = youngestFirst.filter(({ event, ageMs }, index) => {
    const { namespace = '' } = event.metadata;
    const count = (inNamespace.get(namespace) ?? 0) + 1;
    inNamespace.set(namespace, count);
    return ageMs >= EVENT_TTL_MS || count > EVENTS_PER_NAMESPACE_MAX || index >= EVENTS_MAX;
  });
  const changes = doomed
    .toReversed()
    .slice(0, BURST_MAX)
    .map(({ event }: { readonly event: KubeObject }) => deleteChange('events', event));
  return { changes, afterMs: changes.length < doomed.length ? 0 : PERIOD_MS };
}
