/** Drives one controller: a key at a time from the view to its changes, committed; and the events that tell of it. Decides nothing. */
import { controllerOf, type KubeObject } from '#api/object.ts';
import { hasCause, isAlreadyExists, isConflict, isNotFound } from '#api/status.ts';
import type { Clock } from '#lib/clock.ts';
import { explain, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import type { Change } from '#rest/change.ts';
import { carryOut, type Carrier, type Witness } from './carry-out.ts';
import type { Controller, Note, Outcome, Refusal } from './controllers/controller.ts';
import { authorOf, type About, type EventRecorder } from './events.ts';
import type { View } from './view.ts';

export type ControllerLoopOptions = {
  readonly controller: Controller;
  readonly view: () => View;
  /** The last committed revision. */
  readonly revision: () => number;
  readonly carrier: Carrier;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

/** Keys of one controller in work at once: most of a run is waiting for its commits. */
const CONCURRENCY = 16;
const VIEW_WAIT_MS = 5;
/** A key that takes this long to think about is thought about seldom: it rests for so many times what it took, and its news gather. */
const COSTLY_MS = 2;
export const REST_FACTOR = 4;

export function startControllerLoop(options: ControllerLoopOptions, signal: AbortSignal): Runner {
  const { controller, view, revision, carrier, events, clock, ids } = options;
  const author = authorOf(controller.name);
  const component = `${controller.name}-controller`;
  /** Of costly keys, by the monotonic clock. */
  const restsUntilMs = new Map<string, number>();
  const run = async (key: string, runSignal: AbortSignal): Promise<number | undefined> => {
    const beganMs = clock.monotonic();
    const restMs = (restsUntilMs.get(key) ?? beganMs) - beganMs;
    if (restMs > 0) return restMs;
    const seen = view();
    // What this key has committed is among what is committed: a view that reaches the last commit shows it.
    if (seen.revision < revision()) return VIEW_WAIT_MS;
    const outcome = controller.reconcile(key, seen, clock.now());
    const endedMs = clock.monotonic();
    if (endedMs - beganMs < COSTLY_MS) restsUntilMs.delete(key);
    else restsUntilMs.set(key, endedMs + (endedMs - beganMs) * REST_FACTOR);
    await carry(outcome, seen, runSignal);
    return outcome.afterMs;
  };
  const carry = async ({ changes, events: notes, refused }: Outcome, seen: View, runSignal: AbortSignal): Promise<void> => {
    const told = witness(seen);
    let refusal: Refusal | undefined;
    const failed: Witness['failed'] = (change, error) => {
      if (isRefusal(error)) refusal ??= { change, why: explain(error) };
      told.failed(change, error);
    };
    try {
      await carryOut(changes, author, carrier, { ...told, failed }, runSignal);
      record(notes);
    } catch (error) {
      if (refusal !== undefined && refused !== undefined) await say(refused(refusal), runSignal);
      throw error;
    }
  };
  /** The key comes back for what was refused, and then for this too, should it fail. */
  const say = async ({ changes, events: notes }: Pick<Outcome, 'changes' | 'events'>, runSignal: AbortSignal): Promise<void> => {
    record(notes);
    await carryOut(changes, author, carrier, { done: () => undefined, failed: () => undefined }, runSignal).catch(
      () => undefined,
    );
  };
  const record = (notes: readonly Note[] = []): void => {
    for (const { about, ...note } of notes) events.record(component, referenceTo(about), note);
  };
  /** Upstream's events of pods made and removed for an owner whose kind this controller is named after. */
  const witness = (seen: View): Witness => ({
    done: (change, object) => {
      const pod = podOf(change, object, seen);
      const owner = ownerOf(pod);
      if (pod === undefined || owner === undefined) return;
      const [reason, what] = change.verb === 'create' ? ['SuccessfulCreate', 'Created'] : ['SuccessfulDelete', 'Deleted'];
      events.record(component, owner, { type: 'Normal', reason, message: `${what} pod: ${pod.metadata.name ?? ''}` });
    },
    failed: (change, error) => {
      if (signal.aborted || !isRefusal(error)) return;
      const owner = ownerOf(podOf(change, undefined, seen));
      if (owner === undefined) return;
      const [reason, what] = change.verb === 'create' ? ['FailedCreate', 'creating'] : ['FailedDelete', 'deleting'];
      events.record(component, owner, { type: 'Warning', reason, message: `Error ${what}: ${explain(error)}` });
    },
  });
  const ownerOf = (pod: KubeObject | undefined): About | undefined => {
    const owner = pod === undefined ? undefined : controllerOf(pod);
    if (owner?.kind.toLowerCase() !== controller.name) return undefined;
    const { apiVersion, kind, name, uid } = owner;
    return { apiVersion, kind, name, uid, namespace: pod?.metadata.namespace ?? '' };
  };
  return createRunner(
    {
      name: controller.name,
      run,
      keys: () => controller.keys(view()),
      concurrency: CONCURRENCY,
      isOrdinary,
      clock,
      ids,
      log: options.log,
    },
    signal,
  );
}

/** Others write too: what was there is gone or going, or has changed. The news of it bring the key back. */
export function isOrdinary(error: unknown): boolean {
  return isNotFound(error) || isConflict(error) || isAlreadyExists(error) || hasCause(error, 'NamespaceTerminating');
}

/** The pipeline looked at the change and said no: worth telling whose object it is about. */
function isRefusal(error: unknown): boolean {
  return !isOrdinary(error) && !hasCode(error, 'ServiceUnavailable', 'TooManyRequests', 'Bug');
}

export function referenceTo({ apiVersion, kind, metadata }: KubeObject): About {
  const { name = '', namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** The pod that a change makes or removes. */
function podOf(change: Change, object: KubeObject | undefined, seen: View): KubeObject | undefined {
  if (change.verb === 'create') return change.resource === 'pods' ? (object ?? change.object) : undefined;
  return change.verb === 'delete' && change.resource === 'pods' ? seen.get('pods', change.namespace, change.name) : undefined;
}
