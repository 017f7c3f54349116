import type { Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { Command, Response } from '#api/link/messages.ts';
import type { Json } from '#api/object.ts';

/**
 * The server's commands: each id is carried out once, however often it comes, and given up when its time is over; its result is remembered
 * and told again. What a command means is the handler's affair; who sent it has been checked before.
 */
export type CommandHandler = (
  command: { readonly id: string; readonly kind: string; readonly body: Json },
  signal: AbortSignal,
) => Promise<Json>;

/** Ids remembered, the oldest forgotten first. */
const REMEMBERED_MAX = 256;
/** Carried out at a time. */
const RUNNING_MAX = 32;

export class CommandDesk {
  private readonly handler: CommandHandler;
  private readonly clock: Pick<Clock, 'timer'>;
  private readonly log: Log;
  private readonly results = new Map<string, Response | undefined>();
  private running = 0;

  constructor(handler: CommandHandler, clock: Pick<Clock, 'timer'>, log: Log) {
    this.handler = handler;
    this.clock = clock;
    this.log = log;
  }

  async take(command: Command, answer: (response: Response) => void, signal: AbortSignal): Promise<void> {
    const { id } = command;
    if (this.results.has(id)) {
      const known = this.results.get(id);
      if (known !== undefined) answer(known);
      return;
    }
    if (this.running >= RUNNING_MAX) {
      answer({ type: 'rsp', id, ok: false, body: `${RUNNING_MAX} commands run already` });
      return;
    }
    this.remember(id, undefined);
    this.running += 1;
    const response = await this.run(command, signal);
    this.running -= 1;
    this.remember(id, response);
    answer(response);
  }

  private async run({ id, kind, body, ttlMs }: Command, signal: AbortSignal): Promise<Response> {
    const late = new AbortController();
    const cancel = this.clock.timer(ttlMs, () => late.abort());
    try {
      return { type: 'rsp', id, ok: true, body: await this.handler({ id, kind, body }, AbortSignal.any([signal, late.signal])) };
    } catch (error) {
      const why = late.signal.aborted
        ? new SkerryError('Timeout', `carry out the command ${kind}: not done within ${ttlMs} ms`, { cause: error })
        : error;
      this.log.warn({ err: why, command: kind, id }, 'a command of the server failed');
      return { type: 'rsp', id, ok: false, body: explain(why) };
    } finally {
      cancel();
    }
  }

  private remember(id: string, response: Response | undefined): void {
    this.results.set(id, response);
    const oldest = this.results.keys().next();
    if (this.results.size > REMEMBERED_MAX && oldest.done !== true) this.results.delete(oldest.value);
  }
}
