import type { PodLabels } from './runtime.ts';

/**
 * How our containers are recognised: a few short labels (the engine repeats them in every event) and a name that is the same however
 * often the same attempt is ordered. The node's name is among them, so that two agents on one engine never touch each other's.
 */
export type Owner = {
  readonly node: string;
  /** This node's own ledger tells so. A machine that was joined anew under another name still has the pods it ran under the old one. */
  readonly ranHere: (podUid: string) => boolean;
};

const PREFIX = 'io.skerry.';
export const NODE_LABEL = `${PREFIX}node`;
export const POD_LABEL = `${PREFIX}pod`;
const CONTAINER_LABEL = `${PREFIX}container`;
const ATTEMPT_LABEL = `${PREFIX}attempt`;
const SANDBOX_LABEL = `${PREFIX}sandbox`;
const HASH_LABEL = `${PREFIX}hash`;

export function writeLabels(node: string, labels: PodLabels): Record<string, string> {
  return {
    [NODE_LABEL]: node,
    [POD_LABEL]: labels.podUid,
    [CONTAINER_LABEL]: labels.container,
    [ATTEMPT_LABEL]: String(labels.attempt),
    [SANDBOX_LABEL]: String(labels.sandboxAttempt),
    [HASH_LABEL]: labels.hash,
  };
}

/** Undefined for a container that is not this node's. */
export function readLabels({ node, ranHere }: Owner, labels: Readonly<Record<string, string>>): PodLabels | undefined {
  const podUid = labels[POD_LABEL];
  if (podUid === undefined || podUid === '' || labels[NODE_LABEL] === undefined) return undefined;
  if (labels[NODE_LABEL] !== node && !ranHere(podUid)) return undefined;
  return {
    podUid,
    container: labels[CONTAINER_LABEL] ?? '',
    attempt: numberOf(labels[ATTEMPT_LABEL]),
    sandboxAttempt: numberOf(labels[SANDBOX_LABEL]),
    hash: labels[HASH_LABEL] ?? '',
  };
}

/** Labels are texts by the engine's own rules. */
export const asLabels = (value: unknown): Readonly<Record<string, string>> => (value ?? {}) as Readonly<Record<string, string>>;

const SANDBOX = 'POD';

/** `skr_app_web-1_default_<uid>_2`; a sandbox's container is called POD, which no container of a pod can be. */
export function containerName(
  pod: { readonly uid: string; readonly namespace: string; readonly name: string },
  container: string,
  attempt: number,
): string {
  return `skr_${container === '' ? SANDBOX : container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;
}

export function podOfName(name: string): { readonly namespace: string; readonly podName: string } {
  const [, , podName = '', namespace = ''] = name.replace(/^\//, '').split('_');
  return { namespace, podName };
}

function numberOf(text: string | undefined): number {
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 ? value : 0;
}
