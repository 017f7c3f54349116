import { SkerryError } from '#lib/error.ts';
import type { LogsFlags } from '../logs.ts';

/** Which containers of pods are meant by `skerry logs`, and in which order pods are looked at, by kubectl's rules. Pure. */
export type LogPod = {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly Named[];
    readonly initContainers?: readonly Named[];
    readonly ephemeralContainers?: readonly Named[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[];
    readonly containerStatuses?: readonly { readonly restartCount?: number }[];
  };
};
type Named = { readonly name: string };

export type LogTarget = { readonly pod: string; readonly namespace: string; readonly container: string };

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** `note`: what to tell the user of the choice. Throws BadRequest for a container that the pod does not have. */
export function targetsIn(
  pod: LogPod,
  { container, allContainers }: Pick<LogsFlags, 'container' | 'allContainers'>,
): { readonly targets: readonly LogTarget[]; readonly note?: string } {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const name = pod.metadata?.name ?? '';
  const target = (of: string): LogTarget => ({ pod: name, namespace: pod.metadata?.namespace ?? '', container: of });
  const inOrder = [...initContainers, ...containers, ...ephemeralContainers].map((one) => one.name);
  if (allContainers === true) return { targets: inOrder.map(target) };
  if (container !== undefined) {
    if (inOrder.includes(container)) return { targets: [target(container)] };
    throw new SkerryError('BadRequest', `container ${container} is not valid for pod ${name} (it has ${inOrder.join(', ')})`);
  }
  const annotated = pod.metadata?.annotations?.[DEFAULT_CONTAINER];
  if (annotated !== undefined && inOrder.includes(annotated)) return { targets: [target(annotated)] };
  const [first] = containers;
  if (first === undefined) throw new SkerryError('BadRequest', `no container is named in pod ${name}`);
  if (inOrder.length === 1) return { targets: [target(first.name)] };
  const all = [
    ...containers.map((one) => one.name),
    ...initContainers.map((one) => `${one.name} (init)`),
    ...ephemeralContainers.map((one) => `${one.name} (ephem)`),
  ];
  return { targets: [target(first.name)], note: `Defaulted container "${first.name}" out of: ${all.join(', ')}` };
}

/** Those with most to tell first: on a node, running, ready and for longest, restarted most often, oldest. */
export function byLogs(a: LogPod, b: LogPod): number {
  return (
    Number(nodeOf(a) === '') - Number(nodeOf(b) === '') ||
    phaseOf(a) - phaseOf(b) ||
    Number(readySince(a) === undefined) - Number(readySince(b) === undefined) ||
    order(readySince(a) ?? '', readySince(b) ?? '') ||
    restartsOf(b) - restartsOf(a) ||
    order(a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '')
  );
}

const nodeOf = (pod: LogPod) => pod.spec?.nodeName ?? '';
/** What is neither came to its end, and is worth no less than what runs. */
const phaseOf = (pod: LogPod) => ({ Unknown: 1, Pending: 2 })[pod.status?.phase ?? ''] ?? 0;
const restartsOf = (pod: LogPod) =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount = 0 }) => restartCount));

function readySince(pod: LogPod): string | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? (ready.lastTransitionTime ?? '') : undefined;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The label selector of a workload's pods, or of a Service's. Undefined where it selects none. */
export function selectorOf(object: unknown): string | undefined {
  // Sound: fields of any object may be read; the shapes are those of every kind that selects pods.
  const selector = (
    object as { readonly spec?: { readonly selector?: Selector | Readonly<Record<string, string>> } | null } | null
  )?.spec?.selector;
  if (typeof selector !== 'object' || selector === null) return undefined;
  const isPlain = Object.values(selector).every((value) => typeof value === 'string');
  // Sound: as just seen.
  const { matchLabels = {}, matchExpressions = [] } = isPlain
    ? { matchLabels: selector as Readonly<Record<string, string>> }
    : (selector as Selector);
  const terms = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => expression(key, operator, values)),
  ];
  return terms.length === 0 ? undefined : terms.join(',');
}

type Selector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
};

function expression(key: string, operator: string, values: readonly string[]): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key} ${operator === 'NotIn' ? 'notin' : 'in'} (${values.join(',')})`;
}

/** As the subresource `log` takes it. Throws Usage. */
export function logQuery(flags: LogsFlags, container: string): Readonly<Record<string, string>> {
  const { follow, previous, timestamps, tail, since, sinceTime, limitBytes, selector } = flags;
  if (since !== undefined && sinceTime !== undefined)
    throw new SkerryError('Usage', 'at most one of --since-time and --since may be used');
  if (tail !== undefined && tail < -1) throw new SkerryError('Usage', '--tail must be greater than or equal to -1');
  const lines = tail ?? (selector === undefined ? -1 : LINES_OF_SELECTED);
  return {
    container,
    ...(follow === true ? { follow: 'true' } : {}),
    ...(previous === true ? { previous: 'true' } : {}),
    ...(timestamps === true ? { timestamps: 'true' } : {}),
    ...(lines < 0 ? {} : { tailLines: String(lines) }),
    ...(since === undefined ? {} : { sinceSeconds: String(Math.max(1, Math.ceil(since / 1_000))) }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(limitBytes === undefined || limitBytes === 0 ? {} : { limitBytes: String(limitBytes) }),
  };
}

const LINES_OF_SELECTED = 10;
