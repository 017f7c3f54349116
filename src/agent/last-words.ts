import type { PodItem } from '#api/link/items.ts';
import type { ObservedContainer } from './plan/observed.ts';
import { containersOf } from './plan/restart-policy.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { Volumes } from './volumes/volumes.ts';

/** What a dead container left to say: its termination message, or, where it asks for that and failed, the end of its log. */
const LOG_LINES_MAX = 80;
const LOG_BYTES_MAX = 2048;

export async function lastWordsOf(
  container: ObservedContainer,
  item: PodItem | undefined,
  runtime: Pick<Runtime, 'logs'>,
  volumes: Pick<Volumes, 'terminationMessage'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const message = await volumes.terminationMessage(container.podUid, container.name, container.attempt);
  if (message !== '' || item === undefined || container.exitCode === 0) return message;
  const spec = containersOf(item).find((entry) => entry.container.name === container.name)?.container;
  if (spec?.terminationMessagePolicy !== 'FallbackToLogsOnError') return message;
  let end = Buffer.alloc(0);
  for await (const piece of runtime.logs(container.id, { follow: false, timestamps: false, tailLines: LOG_LINES_MAX }, signal)) {
    end = Buffer.concat([end, piece]).subarray(-LOG_BYTES_MAX);
  }
  return end.toString();
}
