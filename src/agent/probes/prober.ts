import type { Clock } from '#lib/clock.ts';
import { explain, hasCode } from '#lib/error.ts';
import { createGate } from '#lib/gate.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner } from '#lib/runner.ts';
import { isEngineError } from '../actions/runners.ts';
import type { PodEvent, PodName } from '../plan/action.ts';
import type { ProbeKind, ProbeVerdicts } from '../plan/observed.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ProbeDialer } from './dialer.ts';
import { NOTHING_TOLD, afterFailure, afterSuccess, type ProbeNews } from './probe-news.ts';
import { probeRequest, type ProbeRequest } from './probe-request.ts';
import {
  UNPROBED,
  afterOutcome,
  firstDelayMs,
  isSettled,
  nextDelayMs,
  type ProbeOutcome,
  type ProbeState,
} from './probe-state.ts';
import type { ProbeTarget } from './probe-target.ts';

/**
 * Tries the probes it is given, each when it is due, and keeps what they have found. Counting is probe-state.ts, what follows from it the plan's: nothing is
 * stopped here. Invariants: no two tries of one probe at once; what a probe that was taken away still finds is not heard.
 */
export type Prober = {
  /** These are a pod's probes from now on; those that it has already go on as they are. */
  readonly follow: (uid: string, targets: readonly ProbeTarget[]) => void;
  readonly done: () => Promise<void>;
};

export type ProberOptions = {
  readonly runtime: Pick<Runtime, 'exec'>;
  readonly dial: ProbeDialer;
  /** Container id → what was found; written here. */
  readonly verdicts: Map<string, ProbeVerdicts>;
  /** Something was found of this pod, or told. */
  readonly changed: (uid: string) => void;
  readonly tell: (pod: PodName, event: Omit<PodEvent, 'once'>) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

type Worker = {
  target: ProbeTarget;
  state: ProbeState;
  news: ProbeNews;
  dueMs: number;
  /** Of the try under way: each has its own, for what is hung upon one that lives long stays there. */
  underWay: AbortController | undefined;
};

/** A try that waits for an answer costs nothing; each pod may have a few that wait for their timeouts. */
const TRIES_AT_ONCE = 512;
/** A command costs the engine some 50 ms of the processor, most of it before it runs. */
const EXEC_STARTS_AT_ONCE = 4;
const EXEC_START_MS_MAX = 500;
/** As upstream cuts what a command says. */
const OUTPUT_BYTES_MAX = 10 * 1024;
const TIMEOUT_SECONDS_DEFAULT = 1;

const NOTHING_LEARNT: ProbeOutcome = { result: 'unknown', message: '' };

export function createProber(options: ProberOptions, signal: AbortSignal): Prober {
  const { runtime, dial, verdicts, changed, tell, clock, ids, log } = options;
  const workers = new Map<string, Worker>();
  const keysOf = new Map<string, readonly string[]>();
  const gate = createGate(EXEC_STARTS_AT_ONCE);
  const beganMs = clock.monotonic();

  const add = (target: ProbeTarget) => {
    const { kind, probe, startedWallMs } = target;
    const delayMs = firstDelayMs({
      kind,
      probe,
      containerAgeMs: startedWallMs === undefined ? 0 : clock.now() - startedWallMs,
      agentAgeMs: clock.monotonic() - beganMs,
      chance: ids.random(),
    });
    const dueMs = clock.monotonic() + delayMs;
    workers.set(target.key, { target, state: UNPROBED, news: NOTHING_TOLD, dueMs, underWay: undefined });
    runner.signal(target.key);
  };

  const remove = (key: string) => {
    const worker = workers.get(key);
    if (worker === undefined) return;
    workers.delete(key);
    worker.underWay?.abort();
    forget(worker.target);
  };

  const forget = ({ containerId, kind }: ProbeTarget) => {
    const { [kind]: _forgotten, ...others } = verdicts.get(containerId) ?? {};
    if (Object.keys(others).length === 0) verdicts.delete(containerId);
    else verdicts.set(containerId, others);
  };

  const execute = async (
    id: string,
    command: readonly string[],
    timeoutMs: number,
    abort: AbortSignal,
  ): Promise<ProbeOutcome> => {
    const leave = await gate.enter();
    const cancel = clock.timer(EXEC_START_MS_MAX, leave);
    try {
      const ended = await runtime.exec(id, command, { timeoutMs, outputBytesMax: OUTPUT_BYTES_MAX }, abort);
      if (ended.type === 'timed-out')
        return { result: 'failure', message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` };
      return ended.exitCode === 0 ? { result: 'success' } : { result: 'failure', message: ended.output };
    } catch (error) {
      // Its container has ended meanwhile, or the engine is away: which is told as such.
      if (hasCode(error, 'Conflict', 'NotFound') || isEngineError(error)) return NOTHING_LEARNT;
      return { result: 'unknown', message: explain(error) };
    } finally {
      cancel();
      leave();
    }
  };

  const attempt = async ({ target }: Worker, abort: AbortSignal): Promise<ProbeOutcome> => {
    const { probe, containerId } = target;
    const request = requestOf(target);
    if (request.type === 'impossible') return { result: 'unknown', message: request.message };
    const timeoutMs = Math.max(1, probe.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT) * 1000;
    if (request.type === 'exec') return execute(containerId, request.command, timeoutMs, abort);
    return dial(request, timeoutMs, abort);
  };

  /** Takes in what a try has found, and tells of it. */
  const note = (worker: Worker, outcome: ProbeOutcome) => {
    const { target } = worker;
    const before = worker.state.verdict;
    worker.state = afterOutcome(target.probe, worker.state, outcome.result);
    const { verdict } = worker.state;
    const isNews = verdict !== undefined && verdict !== before;
    if (isNews) verdicts.set(target.containerId, { ...verdicts.get(target.containerId), [target.kind]: verdict });
    const isTold = tellOf(worker, outcome);
    if (isNews || isTold) changed(target.pod.uid);
  };

  const tellOf = (worker: Worker, outcome: ProbeOutcome): boolean => {
    const nowMs = clock.monotonic();
    if (outcome === NOTHING_LEARNT) return false;
    if (outcome.result === 'success') {
      worker.news = afterSuccess(worker.news, nowMs);
      return false;
    }
    const { news, count } = afterFailure(worker.news, nowMs);
    worker.news = news;
    if (count === 0) return false;
    const { pod, kind, container } = worker.target;
    tell(pod, { type: 'Warning', container: container.name, count, ...eventOf(kind, outcome) });
    return true;
  };

  const run = async (key: string): Promise<number | undefined> => {
    const worker = workers.get(key);
    if (worker === undefined || isSettled(worker.target.kind, worker.state)) return undefined;
    const startedMs = clock.monotonic();
    if (startedMs < worker.dueMs) return worker.dueMs - startedMs;
    const underWay = new AbortController();
    worker.underWay = underWay;
    const outcome = await attempt(worker, underWay.signal);
    worker.underWay = undefined;
    if (signal.aborted || workers.get(key) !== worker) return undefined;
    note(worker, outcome);
    const delayMs = nextDelayMs(worker.target.probe, clock.monotonic() - startedMs);
    worker.dueMs = clock.monotonic() + delayMs;
    return delayMs;
  };

  const runner = createRunner({ name: 'probes', run, concurrency: TRIES_AT_ONCE, clock, ids, log }, signal);

  const stop = () => {
    for (const { underWay } of workers.values()) underWay?.abort();
  };
  signal.addEventListener('abort', stop, { once: true });

  return {
    follow: (uid, targets) => {
      const keys = targets.map(({ key }) => key);
      for (const key of keysOf.get(uid) ?? []) if (!keys.includes(key)) remove(key);
      if (keys.length === 0) keysOf.delete(uid);
      else keysOf.set(uid, keys);
      for (const target of targets) {
        const known = workers.get(target.key);
        // Its address may have come, or changed with the host's.
        if (known === undefined) add(target);
        else known.target = target;
      }
    },
    done: () => runner.done,
  };
}

function requestOf({
  probe,
  container,
  address,
}: ProbeTarget): ProbeRequest | { readonly type: 'impossible'; readonly message: string } {
  try {
    return probeRequest(probe, container, address);
  } catch (error) {
    return { type: 'impossible', message: explain(error) };
  }
}

const NAMES: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };

function eventOf(
  kind: ProbeKind,
  { result, message }: Exclude<ProbeOutcome, { readonly result: 'success' }>,
): Pick<PodEvent, 'reason' | 'message'> {
  switch (result) {
    case 'failure':
      return { reason: 'Unhealthy', message: `${NAMES[kind]} probe failed: ${message}` };
    case 'warning':
      return { reason: 'ProbeWarning', message: `${NAMES[kind]} probe warning: ${message}` };
    case 'unknown':
      return { reason: 'Unhealthy', message: `${NAMES[kind]} probe errored and resulted in unknown state: ${message}` };
  }
}
