import type { NodeCondition } from '#api/generated/types.ts';
import { cutText } from '#lib/cut-text.ts';
import { rfc3339 } from '#lib/time.ts';
import type { EngineHealth } from '../sight.ts';
import type { Pressure, Pressures } from './pressures.ts';

/** The node's conditions, in words of upstream's kubelet. Pure. */
const MESSAGE_BYTES_MAX = 1_024;

const WORDS: Readonly<Record<Pressure, { readonly no: readonly [string, string]; readonly yes: readonly [string, string] }>> = {
  MemoryPressure: {
    no: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    yes: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
  },
  DiskPressure: {
    no: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    yes: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
  },
  PIDPressure: {
    no: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    yes: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
  },
};

export type Felt = {
  readonly pressures: Pressures;
  readonly health: EngineHealth;
  /** Of the configuration, as sentences. */
  readonly unknownKeys: readonly string[];
};

/** Heartbeat times are the server's to write: it knows when it last heard of the node. */
export function nodeConditions(
  { pressures, health, unknownKeys }: Felt,
  previous: readonly NodeCondition[],
  wallMs: number,
): readonly NodeCondition[] {
  const pressed = (['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const).map((type) => {
    const why = pressures.get(type);
    const [reason, words] = why === undefined ? WORDS[type].no : WORDS[type].yes;
    const message = why === undefined || why === '' ? words : cutText(`${words}: ${why}`, MESSAGE_BYTES_MAX);
    return { type, status: why === undefined ? 'False' : 'True', reason, message };
  });
  return [...pressed, configOk(unknownKeys), ready(health)].map((condition) => {
    const before = previous.find(({ type }) => type === condition.type);
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? rfc3339(wallMs) };
  });
}

type Condition = Omit<NodeCondition, 'lastTransitionTime'>;

/** The type is the one that kubelets had for a configuration that they can not wholly use (releases 1.8 and 1.9). */
function configOk(unknownKeys: readonly string[]): Condition {
  if (unknownKeys.length === 0)
    return { type: 'ConfigOK', status: 'True', reason: 'KeysKnown', message: 'every key of the configuration is known' };
  return {
    type: 'ConfigOK',
    status: 'False',
    reason: 'UnknownKeys',
    message: cutText(unknownKeys.join('; '), MESSAGE_BYTES_MAX),
  };
}

function ready(health: EngineHealth): Condition {
  if (health.ready) return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };
  const message = cutText(`container runtime is down: ${health.message}`, MESSAGE_BYTES_MAX);
  return { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message };
}
