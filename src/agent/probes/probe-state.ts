import type { Probe } from '#api/generated/types.ts';
import type { ProbeKind, ProbeVerdict } from '../plan/observed.ts';

/**
 * One probe of one attempt of a container, as a machine of plain values: what it found, counted against its thresholds (upstream: the worker of
 * pkg/kubelet/prober). A new attempt begins anew, and so does every probe with a restart of the agent; what holds meanwhile is in the ledger.
 */
export type ProbeState = {
  /** How often in a row the same was found. */
  readonly run: number;
  readonly last: ProbeVerdict | undefined;
  /** As counted; undefined until a threshold was reached for the first time. */
  readonly verdict: ProbeVerdict | undefined;
};

/** What one try found. `warning`: a success with something to say; `unknown`: nothing was learnt, and nothing is counted. */
export type ProbeOutcome =
  | { readonly result: 'success' }
  | { readonly result: 'warning' | 'failure' | 'unknown'; readonly message: string };

export const UNPROBED: ProbeState = { run: 0, last: undefined, verdict: undefined };

const FAILURE_THRESHOLD_DEFAULT = 3;

export function afterOutcome(
  { failureThreshold = FAILURE_THRESHOLD_DEFAULT, successThreshold = 1 }: Pick<Probe, 'failureThreshold' | 'successThreshold'>,
  state: ProbeState,
  result: ProbeOutcome['result'],
): ProbeState {
  if (result === 'unknown') return state;
  const found = result === 'failure' ? 'failure' : 'success';
  const run = state.last === found ? state.run + 1 : 1;
  const threshold = found === 'failure' ? failureThreshold : successThreshold;
  return { run, last: found, verdict: run >= threshold ? found : state.verdict };
}

/** True once nothing more is to be found out of this attempt: it has started, or it is to be ended. */
export function isSettled(kind: ProbeKind, { verdict }: ProbeState): boolean {
  switch (kind) {
    case 'readiness':
      return false;
    case 'liveness':
      return verdict === 'failure';
    case 'startup':
      return verdict !== undefined;
  }
}

const PERIOD_SECONDS_DEFAULT = 10;

export function periodMs({ periodSeconds }: Pick<Probe, 'periodSeconds'>): number {
  return Math.max(1, periodSeconds ?? PERIOD_SECONDS_DEFAULT) * 1000;
}

export type FirstProbe = {
  readonly kind: ProbeKind;
  readonly probe: Pick<Probe, 'initialDelaySeconds' | 'periodSeconds'>;
  /** By the wall clock, so of any value. */
  readonly containerAgeMs: number;
  /** How long this agent has been running. */
  readonly agentAgeMs: number;
  /** From 0 to 1. */
  readonly chance: number;
};

/**
 * Milliseconds until the first try. A clock that was set meanwhile can not make the delay longer than asked for. Liveness waits a period at least: nobody is to be
 * found dead before it could be found started. Containers that ran before the agent came are tried spread over a period, as upstream's are.
 */
export function firstDelayMs({ kind, probe, containerAgeMs, agentAgeMs, chance }: FirstProbe): number {
  const everyMs = periodMs(probe);
  const askedMs = (probe.initialDelaySeconds ?? 0) * 1000;
  const leftMs = askedMs - Math.min(askedMs, Math.max(0, containerAgeMs));
  const isAdopted = containerAgeMs > agentAgeMs && agentAgeMs < everyMs;
  const spreadMs = isAdopted ? everyMs * chance : 0;
  return Math.max(leftMs, spreadMs, kind === 'liveness' && !isAdopted ? everyMs : 0);
}

/** Milliseconds from the end of a try to the next: they begin a period apart; those that a slow one has missed are not made up for. */
export function nextDelayMs(probe: Pick<Probe, 'periodSeconds'>, tookMs: number): number {
  const everyMs = periodMs(probe);
  return everyMs - (tookMs % everyMs);
}
