/** Events: the row. Aggregation, caps and expiry are the store's and the recorders' affair. */
import type { CoreEvent } from '../generated/types.ts';
import { defineResource, type Cell, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { column, NAME_COLUMN, wideColumn } from './columns.ts';
import { validateEvent } from './event-validation.ts';

export type { CoreEvent, ObjectReference } from '../generated/types.ts';

export const eventResource: Resource = defineResource<CoreEvent>({
  id: 'events',
  group: '',
  plural: 'events',
  singular: 'event',
  kind: 'Event',
  shortNames: ['ev'],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Event' }],
  fields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => firstOf(source?.component, reportingComponent),
    type: ({ type }) => type ?? '',
  },
  columns: [
    column('Last Seen', 'string', 'How long ago it happened last.'),
    column('Type', 'string', 'Normal or Warning.'),
    column('Reason', 'string', 'Why, in one word for machines.'),
    column('Object', 'string', 'What it happened to.'),
    wideColumn('Subobject', 'string', 'The part of the object that it happened to.'),
    wideColumn('Source', 'string', 'Who reports it, and from where.'),
    column('Message', 'string', 'What happened, for people.'),
    wideColumn('First Seen', 'string', 'How long ago it happened first.'),
    wideColumn('Count', 'string', 'How often it happened.'),
    { ...NAME_COLUMN, priority: 1 },
  ],
  cells: eventCells,
  subresources: {},
  strategy: { default: defaultEvent, validate: validateEvent, nameRule: 'subdomain', createOnUpdate: true },
});

/** Upstream's types have no way to leave these out. */
function defaultEvent(event: CoreEvent): CoreEvent {
  return {
    ...event,
    source: event.source ?? {},
    // Sound: null is how the wire shows Go's zero time; every reader of a time takes it as absent.
    ...({
      firstTimestamp: event.firstTimestamp ?? null,
      lastTimestamp: event.lastTimestamp ?? null,
      eventTime: event.eventTime ?? null,
    } as unknown as Pick<CoreEvent, never>),
    involvedObject: event.involvedObject ?? {},
    reportingComponent: event.reportingComponent ?? '',
    reportingInstance: event.reportingInstance ?? '',
  };
}

function eventCells(event: CoreEvent, now: number): readonly Cell[] {
  const { involvedObject, source, series, reportingComponent, reportingInstance } = event;
  const first = event.firstTimestamp == null ? age(event.eventTime, now) : age(event.firstTimestamp, now);
  const last = event.lastTimestamp == null ? first : age(event.lastTimestamp, now);
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  const name = involvedObject?.name ?? '';
  const component = firstOf(source?.component, reportingComponent);
  const instance = firstOf(source?.host, reportingInstance);
  return [
    series === undefined ? last : age(series.lastObservedTime, now),
    event.type ?? '',
    event.reason ?? '',
    name === '' ? kind : `${kind}/${name}`,
    involvedObject?.fieldPath ?? '',
    instance === '' ? component : `${component}, ${instance}`,
    (event.message ?? '').trim(),
    first,
    series === undefined ? Math.max(event.count ?? 0, 1) : (series.count ?? 0),
    event.metadata.name ?? '',
  ];
}

function firstOf(...texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text !== '') ?? '';
}
