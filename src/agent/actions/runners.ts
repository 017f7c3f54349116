import { explain, hasCode, type SkerryError } from '#lib/error.ts';
import { pullAuth } from '../images/pull-auth.ts';
import { durationText } from '../plan/backoff.ts';
import type { Action } from '../plan/action.ts';
import { clusterNames } from '../plan/items.ts';
import { containersOf } from '../plan/restart-policy.ts';
import { configError } from '../render/config-error.ts';
import { containerSpec, sandboxSpec } from '../render/container-spec.ts';
import type { ActionContext } from './context.ts';

/**
 * How each action is done. Each is idempotent: done again after a crash in the middle, it ends where it would have ended. What fails throws;
 * the loop (pod-loop.ts) keeps count and tells. Commits and events are the loop's own.
 */
export type Doable = Exclude<Action, { readonly type: 'commit' | 'event' | 'wake' }>;

type Runner<K extends Doable['type']> = (
  action: Extract<Doable, { readonly type: K }>,
  context: ActionContext,
  signal: AbortSignal,
) => Promise<void>;

const RUNNERS: { readonly [K in Doable['type']]: Runner<K> } = {
  'pull-image': pullImage,
  'prepare-volumes': async ({ pod, item, fingerprint, address }, { volumes, sight, documents, facts }) => {
    await volumes.prepare(item, documents(), facts(address));
    sight.setVolumes(pod.uid, fingerprint);
  },
  'create-sandbox': async ({ item, attempt }, { runtime, documents }, signal) => {
    await runtime.createSandbox(sandboxSpec(item, attempt, clusterNames(documents()).clusterDomain), signal);
  },
  wire: async ({ pod, sandboxId, pid, address }, { wiring, sight }, signal) => {
    await wiring.wire({ podUid: pod.uid, sandboxId, pid, address }, signal);
    sight.setWired(pod.uid, { sandboxId, address });
  },
  'start-container': startContainer,
  'stop-container': async ({ pod, container, id, why }, { runtime, sight, tell }, signal) => {
    await runtime.signalContainer(id, undefined, signal);
    sight.signalled.add(id);
    tell(pod, { type: 'Normal', reason: 'Killing', message: why, container });
  },
  'kill-container': async ({ pod, container, id }, { runtime, sight, tell }, signal) => {
    if (!sight.signalled.has(id))
      tell(pod, { type: 'Normal', reason: 'Killing', message: `Stopping container ${container}`, container });
    sight.signalled.add(id);
    await runtime.signalContainer(id, 'SIGKILL', signal);
  },
  'remove-container': async ({ id }, { runtime }, signal) => runtime.remove(id, signal),
  'remove-sandbox': async ({ pod, ids }, { runtime, wiring, sight }, signal) => {
    await Promise.all(ids.map((id) => runtime.remove(id, signal)));
    await wiring.unwire(pod.uid, signal);
    sight.setWired(pod.uid, undefined);
  },
  'remove-pod': async ({ pod, ids }, { runtime, wiring, volumes, sight }, signal) => {
    await Promise.all(ids.map((id) => runtime.remove(id, signal)));
    await wiring.unwire(pod.uid, signal);
    await runtime.removePodTraces(pod.uid, signal);
    await volumes.remove(pod.uid);
    sight.setVolumes(pod.uid, undefined);
    sight.setWired(pod.uid, undefined);
  },
};

export function runAction<K extends Doable['type']>(
  action: Extract<Doable, { readonly type: K }>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  // The key picks the runner of the very same action.
  const runner = RUNNERS[action.type as K] as Runner<K>;
  return runner(action, context, signal);
}

/** Under which name a failure of an action is remembered (plan/observed.ts), and what the pod's events say of it. */
export function failureOf(
  action: Doable,
  error: unknown,
): { readonly step: string; readonly reason: string; readonly event: string } {
  const why = explain(error);
  switch (action.type) {
    case 'create-sandbox':
      return { step: 'sandbox', reason: 'FailedCreatePodSandBox', event: `Failed to create pod sandbox: ${why}` };
    case 'wire':
      return {
        step: 'wiring',
        reason: 'FailedCreatePodSandBox',
        event: `Failed to create pod sandbox: failed to set up its network: ${why}`,
      };
    case 'prepare-volumes':
      return { step: 'volumes', reason: 'FailedMount', event: why };
    case 'start-container': {
      const reason = hasCode(error, 'CreateContainerConfigError') ? 'CreateContainerConfigError' : 'CreateContainerError';
      return { step: `container/${action.container}`, reason, event: `Error: ${why}` };
    }
    case 'pull-image':
      return { step: 'pull', reason: 'Failed', event: `Failed to pull image "${action.image}": ${why}` };
    case 'stop-container':
    case 'kill-container':
      return { step: `stop/${action.container}`, reason: 'FailedKillPod', event: `error killing pod: ${why}` };
    case 'remove-container':
    case 'remove-sandbox':
    case 'remove-pod':
      return { step: 'remove', reason: 'FailedKillPod', event: `error removing pod: ${why}` };
  }
}

/** Begins and does not wait: a pull may take its hour. */
async function pullImage(
  { pod, item, image, container }: Extract<Doable, { type: 'pull-image' }>,
  { puller, documents, tell }: ActionContext,
): Promise<void> {
  puller.begin({
    key: `${pod.uid}/${image}`,
    image,
    auth: pullAuth(item, documents(), image),
    told: (news) => {
      if (news.type === 'pulling')
        tell(pod, { type: 'Normal', reason: 'Pulling', message: `Pulling image "${image}"`, container });
      else if (news.type === 'pulled') {
        const message = `Successfully pulled image "${image}" in ${seconds(news.tookMs)} (${seconds(news.waitedMs)} including waiting)`;
        tell(pod, { type: 'Normal', reason: 'Pulled', message, container });
      } else {
        tell(pod, { type: 'Warning', reason: 'Failed', message: `Failed to pull image "${image}": ${news.message}`, container });
        tell(pod, { type: 'Warning', reason: 'Failed', message: 'Error: ErrImagePull', container });
      }
    },
  });
}

async function startContainer(
  action: Extract<Doable, { type: 'start-container' }>,
  { runtime, volumes, sight, documents, facts, tell }: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { pod, item, container: name, attempt, sandboxAttempt, sandboxId, hash, address } = action;
  const container = containersOf(item).find((entry) => entry.container.name === name)?.container;
  if (container === undefined) throw configError(`the pod has no container "${name}"`);
  const reference = container.image ?? '';
  const image = await runtime.inspectImage(reference, signal).catch(async (error: unknown) => {
    // It was there when the plan was made: look anew, the next plan pulls it.
    if (hasCode(error, 'NotFound')) await sight.lookAtImages(signal);
    throw error;
  });
  if (sight.pulls.get(`${pod.uid}/${reference}`)?.state !== 'done') {
    const message = `Container image "${reference}" already present on machine and can be accessed by the pod`;
    tell(pod, { type: 'Normal', reason: 'Pulled', message, container: name });
  }
  const spec = containerSpec({
    item,
    container: name,
    attempt,
    sandboxAttempt,
    sandboxId,
    hash,
    documents: documents(),
    facts: facts(address),
    image,
    volumes: volumes.sources(item),
    files: await volumes.files(item, container, attempt),
  });
  await volumes.ensureMounts(item, spec.mounts);
  const id = await runtime.createContainer(spec, signal);
  tell(pod, { type: 'Normal', reason: 'Created', message: 'Container created', container: name });
  try {
    await runtime.start(id, signal);
  } catch (error) {
    if (!hasCode(error, 'StartFailed')) throw error;
    // The container keeps why; the next look finds it dead, and the plan goes on from there.
    tell(pod, { type: 'Warning', reason: 'Failed', message: `Error: ${error.message}`, container: name });
    return;
  }
  tell(pod, { type: 'Normal', reason: 'Started', message: 'Container started', container: name });
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : ms < 60_000 ? `${(ms / 1000).toFixed(3)}s` : durationText(ms);
}

/** Failures of these the plan itself remembers and tries again later; of the others it would plan the same again at once. */
export function isPutOff(action: Doable): boolean {
  return ['create-sandbox', 'wire', 'prepare-volumes', 'start-container'].includes(action.type);
}

/** After these, the pod's containers are not what they were. */
export function touchesEngine(action: Doable): boolean {
  return !['pull-image', 'prepare-volumes', 'wire'].includes(action.type);
}

/** Errors that concern the engine as a whole, not the one action. */
export function isEngineError(error: unknown): error is SkerryError {
  return hasCode(error, 'EngineAbsent', 'EngineTimeout', 'EngineTooOld', 'Aborted');
}
