import { SkerryError, explain, hasCode } from '#lib/error.ts';
import type { Wired, Wiring } from '#net/wire/wiring.ts';
import type {
  Observed,
  ObservedContainer,
  ObservedImage,
  ObservedPod,
  ProbeVerdicts,
  Pull,
  StepFailure,
} from './plan/observed.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { Volumes } from './volumes/volumes.ts';

/**
 * What the loop knows of the node right now, kept up by looking: everything at the start and now and then, one pod after each thing done
 * to it. Also what this process itself is at (pulls, failures), which a restart may forget. Decides nothing.
 */
export type Sight = {
  readonly observed: () => Observed;
  readonly lookAtAll: (signal: AbortSignal) => Promise<void>;
  readonly lookAtPod: (uid: string, signal: AbortSignal) => Promise<void>;
  readonly lookAtImages: (signal: AbortSignal) => Promise<void>;
  /** This pod's network was just made, or taken away. */
  readonly setWired: (uid: string, wired: Wired | undefined) => void;
  /** True once everything was seen at least once since the engine last came up. */
  readonly isComplete: () => boolean;
  readonly pulls: Map<string, Pull>;
  readonly failures: Map<string, StepFailure>;
  readonly signalled: Set<string>;
  readonly verdicts: Map<string, ProbeVerdicts>;
  readonly setVolumes: (uid: string, fingerprint: string | undefined) => void;
  /** Undefined until the engine was asked: a restart of the agent is no news of it. */
  readonly health: () => EngineHealth | undefined;
  /** Takes note of how a call to the engine ended. */
  readonly note: (error: unknown) => void;
};

/** `code`: of the error; the message names the engine's socket where it is the engine that fails. */
export type EngineHealth = { readonly ready: true } | { readonly ready: false; readonly code: string; readonly message: string };

export type SightOptions = {
  readonly runtime: Pick<Runtime, 'list' | 'images' | 'where'>;
  readonly wiring: Pick<Wiring, 'observe'>;
  readonly volumes: Pick<Volumes, 'list' | 'adrift'>;
  readonly hostAddress: () => string | undefined;
  /** What a dead container left to say. */
  readonly lastWords: (container: ObservedContainer, signal: AbortSignal) => Promise<string | undefined>;
};

const ENGINE_CODES = ['EngineAbsent', 'EngineTimeout', 'EngineTooOld', 'UnsupportedArchitecture'] as const;

export function createSight({ runtime, wiring, volumes, hostAddress, lastWords }: SightOptions): Sight {
  let pods: ReadonlyMap<string, ObservedPod> = new Map();
  let images: ReadonlyMap<string, ObservedImage> = new Map();
  let wired: Observed['wired'] = new Map();
  let adrift: ReadonlySet<string> = new Set();
  const volumesMade = new Map<string, string>();
  const pulls = new Map<string, Pull>();
  const failures = new Map<string, StepFailure>();
  const signalled = new Set<string>();
  const verdicts = new Map<string, ProbeVerdicts>();
  const words = new Map<string, string>();
  /** Which of the looks at one pod began last, since the look at everything that was last heard of began. */
  const podLooks = new Map<string, number>();
  let looks = 0;
  let complete = false;
  let health: EngineHealth | undefined;

  const note = (error: unknown) => {
    if (!hasCode(error, ...ENGINE_CODES)) return;
    complete = false;
    health = { ready: false, code: error.code, message: `${runtime.where}: ${error.message}` };
  };

  /** Every look at the engine tells how it is. */
  const ask = async <T>(question: Promise<T>): Promise<T> => {
    try {
      return await question;
    } catch (error) {
      note(error);
      throw error;
    }
  };

  const withWords = async (container: ObservedContainer, signal: AbortSignal): Promise<ObservedContainer> => {
    if (container.state !== 'exited' || container.name === '') return container;
    const known = words.get(container.id) ?? (await lastWords(container, signal)) ?? '';
    words.set(container.id, known);
    return known === '' ? container : { ...container, message: known };
  };

  /** Of which pods the folder went away under what runs; it is to be made anew, whatever this process has made. */
  const lookAtFolders = async (containers: readonly ObservedContainer[]): Promise<readonly ObservedContainer[]> => {
    const before = adrift;
    adrift = await volumes.adrift(containers.filter(({ state, name }) => state === 'running' && name !== ''));
    for (const { id, podUid } of containers) if (adrift.has(id) && !before.has(id)) volumesMade.set(podUid, '');
    return containers;
  };

  const forgetRemoved = () => {
    const ids = new Set([...pods.values()].flatMap((pod) => [...pod.containers, ...pod.sandboxes].map(({ id }) => id)));
    for (const id of words.keys()) if (!ids.has(id)) words.delete(id);
    for (const id of signalled) if (!ids.has(id)) signalled.delete(id);
  };

  const { look: lookAtImages } = newestWins(
    (signal) => ask(runtime.images(signal)),
    (found) => (images = found),
  );
  const { look: lookAtWiring, know: knowWired } = newestWins(
    (signal) => wiring.observe(signal),
    (found) => (wired = found),
  );

  return {
    observed: () => ({
      pods,
      images,
      wired,
      volumes: volumesMade,
      adrift,
      pulls,
      failures,
      signalled,
      verdicts,
      hostAddress: hostAddress(),
    }),
    lookAtAll: async (signal) => {
      looks += 1;
      const began = looks;
      const [containers, folders] = await Promise.all([
        ask(runtime.list(undefined, signal)).then(lookAtFolders),
        volumes.list(),
        lookAtImages(signal),
        lookAtWiring(signal),
      ]).catch((error: unknown) => {
        // Whatever keeps the node from being seen keeps it from being ready; an engine's failure has been noted as such.
        if (health?.ready !== false || !complete) {
          const where = hasCode(error, ...ENGINE_CODES) ? `${runtime.where}: ` : '';
          const code = error instanceof SkerryError ? error.code : 'Unseen';
          health = { ready: false, code, message: `${where}${explain(error)}` };
        }
        complete = false;
        throw error;
      });
      const found = groupByPod(await Promise.all(containers.map((container) => withWords(container, signal))));
      for (const [uid, look] of podLooks) {
        if (look < began) podLooks.delete(uid);
        else found.delete(uid);
      }
      pods = new Map([...found, ...[...pods].filter(([uid]) => podLooks.has(uid))]);
      for (const uid of folders) if (!volumesMade.has(uid)) volumesMade.set(uid, '');
      forgetRemoved();
      complete = true;
      health = { ready: true };
    },
    lookAtPod: async (uid, signal) => {
      looks += 1;
      const began = looks;
      const containers = await ask(runtime.list(uid, signal));
      const pod = groupByPod(await Promise.all(containers.map((container) => withWords(container, signal)))).get(uid);
      const next = new Map(pods);
      if (pod === undefined) next.delete(uid);
      else next.set(uid, pod);
      pods = next;
      podLooks.set(uid, began);
      forgetRemoved();
    },
    lookAtImages,
    setWired: (uid, made) => {
      const next = new Map(wired);
      if (made === undefined) next.delete(uid);
      else next.set(uid, made);
      knowWired(next);
    },
    isComplete: () => complete,
    pulls,
    failures,
    signalled,
    verdicts,
    setVolumes: (uid, fingerprint) => {
      if (fingerprint === undefined) volumesMade.delete(uid);
      else volumesMade.set(uid, fingerprint);
    },
    health: () => health,
    note,
  };
}

/**
 * A look that began earlier may end later than another: what it saw then is old, and would have a pod that was just wired be wired again. So a
 * look's findings count only if no look that began after it has been heard of.
 */
function newestWins<T>(look: (signal: AbortSignal) => Promise<T>, take: (found: T) => void): NewestWins<T> {
  let begun = 0;
  let taken = 0;
  const note = (turn: number, found: T) => {
    if (turn < taken) return;
    taken = turn;
    take(found);
  };
  return {
    look: async (signal) => {
      begun += 1;
      const turn = begun;
      note(turn, await look(signal));
    },
    know: (found) => {
      begun += 1;
      note(begun, found);
    },
  };
}

type NewestWins<T> = {
  readonly look: (signal: AbortSignal) => Promise<void>;
  /** What was just done is known without a look. */
  readonly know: (found: T) => void;
};

function groupByPod(containers: readonly ObservedContainer[]): Map<string, ObservedPod> {
  const pods = new Map<string, { sandboxes: ObservedContainer[]; containers: ObservedContainer[] }>();
  for (const container of containers) {
    const pod = pods.get(container.podUid) ?? { sandboxes: [], containers: [] };
    pods.set(container.podUid, pod);
    (container.name === '' ? pod.sandboxes : pod.containers).push(container);
  }
  return pods;
}
