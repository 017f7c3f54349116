import { execFile } from 'node:child_process';
import type { Log } from './log.ts';

/**
 * systemd's notification protocol (sd_notify(3)), spoken by systemd-notify, since Node opens no datagram socket of the unix kind; 7 ms a call.
 * The unit needs NotifyAccess=all. What can not be told is logged and not tried again: the next beat says more than a late one.
 */
export type ServiceManager = {
  /** How often it wants to hear that this process lives, in milliseconds; undefined: not at all. */
  readonly watchdogMs: number | undefined;
  /** Resolves when it is told, or could not be. */
  readonly tell: (...states: readonly ServiceState[]) => Promise<void>;
};

export type ServiceState = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1' | `EXTEND_TIMEOUT_USEC=${number}` | `STATUS=${string}`;

/** Longer than any slow card takes to load a program; the watchdog's patience is longer still. */
const TELL_MS_MAX = 20_000;

/** Undefined where no service manager waits for this process. */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
  log: Log,
): ServiceManager | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: watched, PATH: path } = environment;
  if (socket === undefined || socket === '') return undefined;
  const isWatched = watched === undefined || watched === String(pid);
  const watchdogMs = isWatched && usec !== undefined && /^[1-9]\d{0,15}$/.test(usec) ? Number(usec) / 1_000 : undefined;
  return {
    watchdogMs,
    tell: (...states) =>
      new Promise((resolve) => {
        const env = { NOTIFY_SOCKET: socket, PATH: path };
        execFile('systemd-notify', states, { env, timeout: TELL_MS_MAX }, (error) => {
          if (error !== null) log.warn({ err: error, states }, 'the service manager could not be told');
          resolve();
        });
      }),
  };
}
