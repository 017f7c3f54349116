import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { QUICK_CALL_MS_MAX, field, number, text, type Engine } from './docker-engine.ts';
import { withoutFrames } from './docker-logs.ts';
import { engineStream } from './engine-stream.ts';
import { killExec } from './exec-process.ts';
import type { ExecOptions, ExecResult } from './runtime.ts';

/**
 * A command in a running container, without standard input. What is said of it is what the engine knows: one that does not answer, or breaks off, is an error, and never
 * taken for a command that has failed or was too slow.
 */
export async function runExec(engine: Engine, clock: Clock, exec: Exec, signal: AbortSignal): Promise<ExecResult> {
  const what = `run a command in container ${exec.id}`;
  const execId = await create(engine, what, exec, signal);
  const began = await start(engine, what, execId, signal);
  if (typeof began === 'string') return { type: 'exited', exitCode: EXIT_NOT_STARTED, output: began };
  let isLate = false;
  const cancel = clock.timer(exec.timeoutMs, () => {
    isLate = true;
    began.destroy();
  });
  let output = Buffer.alloc(0);
  try {
    for await (const piece of withoutFrames(engineStream(began, { what, silenceMs: undefined, clock }, signal)))
      if (output.length < exec.outputBytesMax) output = Buffer.concat([output, piece]).subarray(0, exec.outputBytesMax);
  } catch (error) {
    if (!isLate) throw error;
  } finally {
    cancel();
  }
  if (signal.aborted) throw new SkerryError('Aborted', `${what}: given up`);
  const ended = await inspect(engine, clock, what, execId, isLate, signal);
  if (ended.running) {
    await killExec(ended.pid, exec.id);
    return { type: 'timed-out' };
  }
  return { type: 'exited', exitCode: ended.exitCode, output: output.toString() };
}

type Exec = ExecOptions & { readonly id: string; readonly command: readonly string[] };

/** What a shell answers for a command that can not be started, and old engines do. */
const EXIT_NOT_STARTED = 126;

async function create(engine: Engine, what: string, { id, command }: Exec, signal: AbortSignal): Promise<string> {
  const answer = await engine.call(
    {
      what,
      method: 'POST',
      path: `/containers/${id}/exec`,
      body: { AttachStdout: true, AttachStderr: true, Cmd: command },
      timeoutMs: QUICK_CALL_MS_MAX,
      accepts: [201],
    },
    signal,
  );
  return text(field(answer, 'Id'));
}

/** Its output; or why it can not be started, which is the command's fault. */
async function start(engine: Engine, what: string, execId: string, signal: AbortSignal) {
  const request = {
    what,
    method: 'POST',
    path: `/exec/${execId}/start`,
    body: { Detach: false, Tty: false },
    timeoutMs: QUICK_CALL_MS_MAX,
    accepts: [101, 200],
  } as const;
  try {
    return await engine.stream(request, signal);
  } catch (error) {
    if (!hasCode(error, 'EngineRefused') || field(error.details, 'status') !== 400) throw error;
    return error.message.replace(`${what}: `, '');
  }
}

/** Between the end of its output and the engine's knowing its end a moment may pass. */
const LOOKS = 20;
const LOOK_EVERY_MS = 10;

async function inspect(engine: Engine, clock: Clock, what: string, execId: string, isLate: boolean, signal: AbortSignal) {
  for (let look = 1; ; look += 1) {
    const found = await engine.call({ what, method: 'GET', path: `/exec/${execId}/json`, timeoutMs: QUICK_CALL_MS_MAX }, signal);
    const state = {
      running: field(found, 'Running') === true,
      exitCode: number(field(found, 'ExitCode')),
      pid: number(field(found, 'Pid')),
    };
    if (!state.running || isLate) return state;
    if (look === LOOKS) throw new SkerryError('EngineRefused', `${what}: its output has ended, and the engine says that it runs`);
    await sleep(clock, LOOK_EVERY_MS, signal);
  }
}
