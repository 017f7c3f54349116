import type { PodStatus } from '#api/generated/types.ts';
import type { PodEnd } from '#api/link/items.ts';
import type { Json } from '#api/object.ts';
import type { Memory, MemoryChange } from './ledger/ledger.ts';

/**
 * What the pod loop remembers on the node's own disk, by kind of row, and how it is read back. Times in rows are running time (see
 * running-time.ts) unless named wall: they go on counting through restarts of the agent and never jump.
 *
 *  addresses / pod uid → "10.32.0.5"      what was allotted; released when the pod's sandbox is gone for good
 *  pods      / pod uid → PodMemory        attempts, verdicts, terminations
 *  statuses  / pod uid → PodStatus        as last reported: for transition times, what probes found, and so that only changes are reported
 *  clock     / running → RunningTimeRow   (running-time.ts)
 */
export type PodMemory = {
  /** When this node first saw the pod: deadlines count from here. */
  readonly seenMs: number;
  /** The same moment by the wall clock: the pod's startTime. */
  readonly seenWallMs: number;
  /** The boot in which it was last planned, so seen: what its status says of readiness is of no other. Not in rows of releases before. */
  readonly bootId?: string;
  /** Of the newest sandbox that was ordered; -1 before the first. */
  readonly sandboxAttempt: number;
  readonly containers: Readonly<Record<string, ContainerMemory>>;
  readonly termination?: Termination;
  /** The pod reached its end here; outranks the document. */
  readonly verdict?: Verdict;
  /** Every trace is removed and the server was told; the row stays until the item is gone too. */
  readonly gone?: true;
};

export type ContainerMemory = {
  /** The newest attempt, committed before it was ordered. */
  readonly attempt: number;
  /** Attempt of the sandbox it belongs to. */
  readonly sandbox: number;
  readonly hash: string;
  /** The engine's id, once it was seen. */
  readonly id?: string;
  readonly exit?: Exit;
  /** When the exit was first seen. */
  readonly diedMs?: number;
  /** Exit of the attempt before, for lastState. */
  readonly last?: Exit;
  readonly backoff?: Backoff;
  /** A stop of this attempt was ordered, by this probe's failure or otherwise; what still runs then is killed. */
  readonly stop?: { readonly untilMs: number; readonly probe?: 'startup' | 'liveness' };
};

/** Crash back-off: how long the next wait is, and when the last restart was. */
export type Backoff = { readonly delayMs: number; readonly atMs: number };

export type Exit = {
  readonly id?: string;
  readonly image: string;
  readonly imageId: string;
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedWallMs?: number;
  readonly finishedWallMs?: number;
  /** It ended because its sandbox, or the whole node, did: no crash of its own. */
  readonly lost?: true;
};

export type Termination = { readonly sinceMs: number; readonly graceMs: number };
export type Verdict = PodEnd;

export const ADDRESSES = 'addresses';
export const PODS = 'pods';
export const STATUSES = 'statuses';

export function podMemory(memory: Memory, uid: string): PodMemory | undefined {
  const row = memory.rows(PODS).get(uid);
  // Rows of this kind are written by rememberPod alone; a ledger that fails its integrity check is set aside before this.
  return row === undefined ? undefined : (row as unknown as PodMemory);
}

export function addressOf(memory: Memory, uid: string): string | undefined {
  const row = memory.rows(ADDRESSES).get(uid);
  return typeof row === 'string' ? row : undefined;
}

export function reportedStatus(memory: Memory, uid: string): PodStatus | undefined {
  // As above: rows of this kind are written by the plan alone.
  return memory.rows(STATUSES).get(uid) as unknown as PodStatus | undefined;
}

export const rememberPod = (uid: string, value: PodMemory | undefined): MemoryChange => ({
  kind: PODS,
  key: uid,
  value: asJson(value),
});

export const rememberAddress = (uid: string, address: string | undefined): MemoryChange => ({
  kind: ADDRESSES,
  key: uid,
  value: address,
});

/** Everything of a pod; what is not there is not forgotten again. */
export function forgetPod(memory: Memory, uid: string): readonly MemoryChange[] {
  return [PODS, ADDRESSES, STATUSES]
    .filter((kind) => memory.rows(kind).has(uid))
    .map((kind) => ({ kind, key: uid, value: undefined }));
}

/** A typed value as the JSON it is: types of plain readonly fields are JSON, which the compiler cannot see of optional ones. */
export function asJson(value: unknown): Json | undefined {
  return value as Json | undefined;
}
