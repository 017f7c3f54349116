import type { PodItem } from '#api/link/items.ts';
import { explain, hasCode } from '#lib/error.ts';
import type { ObservedContainer } from './plan/observed.ts';
import { containersOf } from './plan/restart-policy.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { Volumes } from './volumes/volumes.ts';

/** What a dead container left to say: its termination message, or, where it asks for that and failed, the end of its log. */
const LOG_LINES_MAX = 80;
const LOG_BYTES_MAX = 2048;

export async function lastWordsOf(
  container: Pick<ObservedContainer, 'id' | 'podUid' | 'name' | 'attempt' | 'exitCode'>,
  item: PodItem | undefined,
  runtime: Pick<Runtime, 'logs'>,
  volumes: Pick<Volumes, 'terminationMessage'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const message = await volumes.terminationMessage(container.podUid, container.name, container.attempt);
  if (message !== '' || item === undefined || container.exitCode === 0) return message;
  const spec = containersOf(item).find((entry) => entry.container.name === container.name)?.container;
  if (spec?.terminationMessagePolicy !== 'FallbackToLogsOnError') return message;
  try {
    return await endOfLog(container.id, runtime, signal);
  } catch (error) {
    if (hasCode(error, 'EngineAbsent', 'EngineTimeout', 'Aborted')) throw error;
    // One log that can not be read must not keep all other containers from being seen.
    return `Error on reading termination message from logs: ${explain(error)}`;
  }
}

async function endOfLog(id: string, runtime: Pick<Runtime, 'logs'>, signal: AbortSignal): Promise<string> {
  let end = Buffer.alloc(0);
  for await (const piece of runtime.logs(id, { follow: false, timestamps: false, tailLines: LOG_LINES_MAX }, signal)) {
    end = Buffer.concat([end, piece]).subarray(-LOG_BYTES_MAX);
  }
  return end.toString();
}
