import type { Json } from '#api/object.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { rfc3339Micro } from '#lib/time.ts';
import { podLogs, type LogSource, type PodLogsParams } from './logs.ts';
import type { StreamHandler } from './tunnel.ts';

/**
 * The stream kind `logs`: reads the server's parameters. "The last ten minutes" are counted by this node's clock, for it was this clock
 * that stamped the log.
 */
export function logStream(source: LogSource, clock: Pick<Clock, 'now'>): StreamHandler {
  return (params, signal) => podLogs(source, parseParams(params, clock.now()), signal);
}

function parseParams(params: Json, nowMs: number): PodLogsParams {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) throw bad('they are no object');
  // Sound: not an array, so an object of JSON.
  const { uid, container, follow, previous, timestamps, tailLines, limitBytes, sinceSeconds, sinceTime } = params as {
    readonly [key: string]: Json;
  };
  if (typeof uid !== 'string' || typeof container !== 'string') throw bad('uid or container is missing');
  const since = typeof sinceSeconds === 'number' ? rfc3339Micro(Math.max(0, nowMs - sinceSeconds * 1_000)) : sinceTime;
  return {
    uid,
    container,
    follow: follow === true,
    previous: previous === true,
    timestamps: timestamps === true,
    ...(typeof tailLines === 'number' ? { tailLines } : {}),
    ...(typeof limitBytes === 'number' ? { limitBytes } : {}),
    ...(typeof since === 'string' ? { sinceTime: since } : {}),
  };
}

function bad(why: string): SkerryError {
  return new SkerryError('BadRequest', `read the parameters of a log stream: ${why}`);
}
