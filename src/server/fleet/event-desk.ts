import { rfc3339 } from '#lib/clock.ts';
import { hashOf } from '#api/link/canonical.ts';
import type { EventReport } from '#api/link/reports.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import { eventName as eventNameOf } from '../events.ts';
import type { View } from '../view.ts';
import { serverTimeOf } from './server-time.ts';

/**
 * Nodes' events as Event objects: the same happening to the same object is one object with a count. Its name follows from what happened,
 * and it says which record it counted last, so that a record told twice (after a crash between its commit and its receipt) counts once.
 */
export type EventPlace = {
  readonly node: string;
  readonly epoch: string;
  readonly seq: number;
  /** Server time minus the node's: node clocks may be years off. */
  readonly clockOffsetMs: number;
};

export type EventJudgement = { readonly change: Change | undefined } | { readonly dropped: string };

export const LAST_RECORD = 'skerry.dev/last-record';
export const COMPONENT = 'skerry-agent';
const COUNT_MAX = 1_000_000;
/** Distinct events a node may bring at once, and the pace at which it may bring more. */
const BURST_MAX = 1_000;
const PER_SECOND = 10;
const CACHED_MAX = 512;
const NAME_HASH_LENGTH = 16;

type Bucket = { tokens: number; sinceMs: number };

export class EventDesk {
  private readonly buckets = new Map<string, Bucket>();
  /** What was written last, until the view has it. */
  private readonly written = new Map<string, KubeObject>();

  judge(report: EventReport, place: EventPlace, view: Pick<View, 'get'>, nowMs: number, monotonicMs: number): EventJudgement {
    const { node, epoch, seq } = place;
    const why = objection(report, node, view);
    if (why !== undefined) return { dropped: why };
    const namespace = report.involved.namespace ?? 'default';
    const name = eventName(report, node);
    const existing = this.newest(namespace, name, view);
    const record = `${node} ${epoch} ${seq}`;
    if (existing !== undefined && wasCounted(existing, place)) return { change: undefined };
    if (!this.allow(node, monotonicMs)) return { dropped: `more than ${BURST_MAX} events at once, or ${PER_SECOND}/s` };
    const time = rfc3339(serverTimeOf(report.time, { clockOffsetMs: place.clockOffsetMs, nowMs }));
    const counted = Number(existing?.['count'] ?? 0) + report.count;
    return {
      change: {
        verb: 'update',
        resource: 'events',
        object: {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name, namespace, annotations: { [LAST_RECORD]: record } },
          involvedObject: { ...report.involved, apiVersion: 'v1' },
          reason: report.reason,
          message: report.message,
          type: report.type,
          count: Math.min(counted, COUNT_MAX),
          firstTimestamp: existing?.['firstTimestamp'] ?? time,
          lastTimestamp: time,
          source: { component: COMPONENT, host: node },
          reportingComponent: COMPONENT,
          reportingInstance: node,
        },
      },
    };
  }

  /** What the pipeline made of a change. */
  committed(object: KubeObject | undefined): void {
    if (object?.kind !== 'Event') return;
    const key = keyOf(object.metadata.namespace ?? '', object.metadata.name ?? '');
    this.written.delete(key);
    this.written.set(key, object);
    const oldest = this.written.keys().next();
    if (this.written.size > CACHED_MAX && oldest.done !== true) this.written.delete(oldest.value);
  }

  forget(node: string): void {
    this.buckets.delete(node);
  }

  private newest(namespace: string, name: string, view: Pick<View, 'get'>): KubeObject | undefined {
    const key = keyOf(namespace, name);
    const seen = view.get('events', namespace, name);
    const own = this.written.get(key);
    if (own === undefined || Number(seen?.metadata.resourceVersion ?? 0) < Number(own.metadata.resourceVersion ?? 0))
      return own ?? seen;
    this.written.delete(key);
    return seen;
  }

  private allow(node: string, nowMs: number): boolean {
    const bucket = this.buckets.get(node) ?? { tokens: BURST_MAX, sinceMs: nowMs };
    const tokens = Math.min(BURST_MAX, bucket.tokens + ((nowMs - bucket.sinceMs) * PER_SECOND) / 1_000);
    this.buckets.set(node, { tokens: Math.max(0, tokens - 1), sinceMs: nowMs });
    return tokens >= 1;
  }
}

function objection({ involved }: EventReport, node: string, view: Pick<View, 'get'>): string | undefined {
  if (involved.kind === 'Node') return involved.name === node ? undefined : 'it is about another node';
  // What it can not do for a service it says once, and never of one that is not there.
  if (involved.kind === 'Service')
    return view.get('services', involved.namespace ?? '', involved.name) === undefined ? 'there is no such service' : undefined;
  if (involved.kind !== 'Pod') return `a node tells nothing about a ${involved.kind}`;
  // Stored pods were decoded against the pod's schema.
  const pod = view.get('pods', involved.namespace ?? '', involved.name) as Pod | undefined;
  // A pod that is gone may still have last words.
  if (pod === undefined || pod.metadata.uid !== involved.uid) return undefined;
  return pod.spec?.nodeName === node ? undefined : 'it is about a pod of another node';
}

/** True if this record, or a later one of the same epoch, is in the count already: records of one node come in order. */
function wasCounted(event: KubeObject, { node, epoch, seq }: EventPlace): boolean {
  const [lastNode, lastEpoch, lastSeq] = (event.metadata.annotations?.[LAST_RECORD] ?? '').split(' ');
  return lastNode === node && lastEpoch === epoch && Number(lastSeq) >= seq;
}

function eventName({ involved, type, reason, message }: EventReport, node: string): string {
  const { kind, namespace = '', name, uid = '', fieldPath = '' } = involved;
  const what = JSON.stringify([node, kind, namespace, name, uid, fieldPath, type, reason, message]);
  const hash = hashOf(Buffer.from(what, 'utf8')).slice(0, NAME_HASH_LENGTH);
  return eventNameOf(name, hash);
}

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;
