import { normalizeReference, parseReference } from '../images/reference.ts';
import { PULL_BACKOFF_MS_MAX, PULL_BACKOFF_MS_MIN, doublingMs } from './backoff.ts';
import type { ContainerView } from './container-view.ts';
import { tell, wakeIn, type Draft, type Waiting } from './draft.ts';
import { isChanged } from './spec-hash.ts';

/**
 * Whether a container's image is there, and what to do if it is not. A node must start what it has run before with no network at all, so
 * `Always` asks the registry before the first attempt of a container only, and where the registry cannot be reached, an image on the disk will do.
 */
export function imageReady(draft: Draft, view: ContainerView): boolean {
  const image = view.container.image ?? '';
  if (parseReference(image) === undefined && !image.startsWith('sha256:')) {
    const why = `couldn't parse image name "${image}": invalid reference format`;
    const message = `Failed to apply default image tag "${image}": ${why}`;
    wait(draft, view, 'InvalidImageName', message);
    tell(draft, {
      type: 'Warning',
      reason: 'InspectFailed',
      message,
      container: view.name,
      once: `image/${view.name}`,
    });
    return false;
  }
  const present = draft.observed.images.has(normalizeReference(image));
  const policy = policyOf(view);
  // An attempt is committed only when its image was ready.
  const ranBefore = view.memory !== undefined && !isChanged(view.container, view.memory.hash);
  if (present && (policy !== 'Always' || ranBefore)) return true;
  if (!present && policy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    wait(draft, view, 'ErrImageNeverPull', message);
    tell(draft, { type: 'Warning', reason: 'ErrImageNeverPull', message, container: view.name, once: `image/${view.name}` });
    return false;
  }
  return pulled(draft, view, image, present);
}

/** Upstream's default: Always for the tag latest, IfNotPresent for others (the server has filled it in as a rule). */
function policyOf({ container }: ContainerView): string {
  if (container.imagePullPolicy !== undefined) return container.imagePullPolicy;
  const reference = parseReference(container.image ?? '');
  return reference?.digest === undefined && reference?.tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function pulled(draft: Draft, view: ContainerView, image: string, present: boolean): boolean {
  const pull = draft.observed.pulls.get(`${draft.pod.uid}/${image}`);
  if (pull?.state === 'done' && present) return true;
  if (pull?.state === 'failed') {
    if (present && pull.unreachable) {
      tell(draft, {
        type: 'Warning',
        reason: 'ImageStale',
        message: `The registry of image "${image}" cannot be reached; the image on this node is used as it is`,
        container: view.name,
        once: `stale/${view.name}`,
      });
      return true;
    }
    const delayMs = doublingMs(pull.failures, PULL_BACKOFF_MS_MIN, PULL_BACKOFF_MS_MAX);
    const sinceMs = draft.now.runningMs - pull.atMs;
    if (sinceMs < delayMs) {
      wakeIn(draft, delayMs - sinceMs);
      failedPull(draft, view, image, pull.message, sinceMs < FRESH_MS, pull.failures);
      return false;
    }
  }
  wait(draft, view, 'ContainerCreating');
  if (pull?.state !== 'pulling' && !draft.actions.some((action) => action.type === 'pull-image' && action.image === image)) {
    draft.actions.push({ type: 'pull-image', pod: draft.pod, item: draft.item, image, container: view.name });
  }
  return false;
}

/** How long the bare error is shown before the back-off is. */
const FRESH_MS = 2_000;

function failedPull(draft: Draft, view: ContainerView, image: string, why: string, fresh: boolean, failures: number): void {
  if (fresh) {
    wait(draft, view, 'ErrImagePull', why);
    wakeIn(draft, FRESH_MS);
    return;
  }
  const message = `Back-off pulling image "${image}"`;
  wait(draft, view, 'ImagePullBackOff', `${message}: ErrImagePull: ${why}`);
  const once = `pull/${view.name}/${failures}`;
  tell(draft, { type: 'Normal', reason: 'BackOff', message, container: view.name, once });
  tell(draft, {
    type: 'Warning',
    reason: 'Failed',
    message: 'Error: ImagePullBackOff',
    container: view.name,
    once: `${once}/error`,
  });
}

function wait(draft: Draft, view: ContainerView, reason: string, message?: string): void {
  const waiting: Waiting = { reason, ...(message === undefined ? {} : { message }) };
  draft.waiting.set(view.name, waiting);
}
