/**
 * Records what `kubectl describe` shows as events: core/v1 Events, written through the pipeline as anyone's. Best effort: recording never
 * waits, never fails and never holds anybody up. The same thing said again of the same object is one event with a count; an object about
 * which too much is said is silenced for a while. What expires is the affair of the event-expiry controller.
 */
import type { CoreEvent, ObjectReference } from '#api/kinds/event.ts';
import { isNotFound } from '#api/status.ts';
import { rfc3339, type Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Author, Change } from '#rest/change.ts';
import type { Carrier } from './carry-out.ts';

export type EventRecorder = {
  /** `component` says it, as `default-scheduler`; of the object only the identity is kept. */
  readonly record: (component: string, about: About, note: EventNote) => void;
  readonly idle: () => boolean;
  readonly done: Promise<void>;
};

export type About = ObjectReference & { readonly kind: string; readonly name: string };
export type EventNote = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

export type EventRecorderOptions = {
  readonly carrier: Carrier;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'bytes' | 'random'>;
  readonly log: Log;
};

/** Remembered for counting; the longest silent are forgotten first, and then begin a new event. */
export const KEPT_MAX = 4_096;
/** As upstream's spam filter: this many events of an object at once, then one per refill. */
export const BURST_MAX = 25;
export const REFILL_MS = 5 * 60_000;
const MESSAGE_LENGTH_MAX = 1_024;
const CONCURRENCY = 16;

type Kept = { readonly component: string; event: CoreEvent; written: number };
type Bucket = { left: number; sinceMs: number };

export function createEventRecorder(options: EventRecorderOptions, signal: AbortSignal): EventRecorder {
  const { carrier, clock, ids } = options;
  const log = options.log.child({ component: 'events' });
  /** Both with the longest untouched first. */
  const kept = new Map<string, Kept>();
  const buckets = new Map<string, Bucket>();

  const isAllowed = (uid: string): boolean => {
    const nowMs = clock.monotonic();
    const old = buckets.get(uid) ?? { left: BURST_MAX, sinceMs: nowMs };
    const refills = Math.floor((nowMs - old.sinceMs) / REFILL_MS);
    const left = Math.min(BURST_MAX, old.left + refills);
    touch(buckets, uid, { left: Math.max(0, left - 1), sinceMs: left === BURST_MAX ? nowMs : old.sinceMs + refills * REFILL_MS });
    return left > 0;
  };

  const record: EventRecorder['record'] = (component, about, note) => {
    if (signal.aborted) return;
    const message = note.message.slice(0, MESSAGE_LENGTH_MAX);
    const key = JSON.stringify([component, about.uid ?? about.name, about.fieldPath, note.type, note.reason, message]);
    if (!isAllowed(`${component}/${about.uid ?? about.name}`)) return;
    const time = rfc3339(clock.now());
    const old = kept.get(key);
    const event =
      old === undefined
        ? newEvent(component, about, { ...note, message }, time, ids)
        : { ...old.event, count: (old.event.count ?? 0) + 1, lastTimestamp: time };
    touch(kept, key, { component, event, written: old?.written ?? 0 });
    runner.signal(key);
  };

  /** Events are worth one try: a refusal (a namespace that is going, a full disk) is not worth a second. */
  const write = async (key: string): Promise<undefined> => {
    const entry = kept.get(key);
    if (entry === undefined || entry.written === entry.event.count) return;
    const count = entry.event.count ?? 1;
    try {
      await carrier(entry.written === 0 ? creation(entry.event) : recount(entry.event), authorOf(entry.component), signal);
      const latest = kept.get(key);
      if (latest !== undefined) latest.written = count;
    } catch (error) {
      kept.delete(key);
      // Expired meanwhile: begin anew.
      if (entry.written > 0 && isNotFound(error)) await carrier(creation(entry.event), authorOf(entry.component), signal);
      else throw error;
    }
  };

  const runner: Runner = createRunner(
    {
      name: 'events',
      concurrency: CONCURRENCY,
      clock,
      ids,
      log,
      run: (key, runSignal) =>
        write(key).catch((error: unknown) => {
          if (!runSignal.aborted) log.debug({ err: error }, 'event not recorded');
          return undefined;
        }),
    },
    signal,
  );
  return { record, idle: runner.idle, done: runner.done };
}

/** As who a component of ours writes: what each may is told in src/server/auth. */
export function authorOf(component: string): Author {
  const name = component === 'default-scheduler' ? 'system:kube-scheduler' : `system:controller:${component}`;
  return { user: { name, groups: ['system:authenticated'] }, fieldManager: component };
}

const NAME_LENGTH_MAX = 253;

/** Of the object it is about and a word that tells it from others; where the name is cut it must not end in a dash or a dot. */
export function eventName(about: string, word: string): string {
  return `${about.slice(0, NAME_LENGTH_MAX - word.length - 1).replace(/[-.]+$/, '')}.${word}`;
}

function newEvent(component: string, about: About, note: EventNote, time: string, ids: Pick<Ids, 'bytes'>): CoreEvent {
  const namespace = about.namespace === undefined || about.namespace === '' ? 'default' : about.namespace;
  const hex = Array.from(ids.bytes(8), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName(about.name, hex), namespace },
    involvedObject: about,
    ...note,
    source: { component },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    reportingComponent: component,
    reportingInstance: '',
  };
}

function creation(event: CoreEvent): Change {
  return { verb: 'create', resource: 'events', object: event };
}

function recount({ metadata, count, lastTimestamp }: CoreEvent): Change {
  const { namespace = '', name = '' } = metadata;
  return { verb: 'patch', resource: 'events', namespace, name, patchType: 'merge', patch: { count, lastTimestamp } };
}

/** Sets the entry as the youngest; beyond KEPT_MAX the oldest goes. */
function touch<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > KEPT_MAX && oldest !== undefined) map.delete(oldest);
}
