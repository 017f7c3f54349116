import type { ContainerStatus } from '#api/generated/types.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { parseTime } from '#lib/time.ts';
import type { Ledger } from './ledger/ledger.ts';
import { reportedStatus } from './memory.ts';
import type { Runtime } from './runtime/runtime.ts';

/**
 * A container's log from the engine. Which attempt is meant follows from the status as last reported, by upstream's rule: what a user reads as
 * `lastState` is `--previous`, also while the next attempt waits.
 */
export type LogSource = { readonly runtime: Pick<Runtime, 'logs'>; readonly ledger: Pick<Ledger, 'memory'> };

export type PodLogsParams = {
  readonly uid: string;
  readonly container: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
};

/**
 * Ends when the container does (follow), the log does, or `signal` aborts. Throws code NotFound where there is no such container yet, or none
 * before (the words are upstream's, for kubectl shows them).
 */
export async function* podLogs(
  { runtime, ledger }: LogSource,
  params: PodLogsParams,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const id = engineId(reportedContainer(ledger, params), params);
  const sinceMs = parseTime(params.sinceTime);
  const options = {
    follow: params.follow === true && params.previous !== true,
    timestamps: params.timestamps === true,
    ...(params.tailLines === undefined ? {} : { tailLines: params.tailLines }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
  let left = params.limitBytes ?? Infinity;
  if (left <= 0) return;
  try {
    for await (const piece of runtime.logs(id, options, signal)) {
      yield piece.length <= left ? piece : piece.subarray(0, left);
      left -= piece.length;
      if (left <= 0) return;
    }
  } catch (error) {
    if (!signal.aborted && !hasCode(error, 'Aborted')) throw error;
  }
}

function reportedContainer({ memory }: LogSource['ledger'], { uid, container }: PodLogsParams): ContainerStatus | undefined {
  const status = reportedStatus(memory(), uid);
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(({ name }) => name === container);
}

function engineId(status: ContainerStatus | undefined, { uid, container, previous = false }: PodLogsParams): string {
  const last = status?.lastState?.terminated?.containerID;
  const began = status?.state?.running !== undefined || status?.state?.terminated !== undefined;
  const reference = previous || !began ? last : status.containerID;
  if (reference !== undefined) return reference.slice(reference.indexOf('//') + 2);
  if (previous) throw new SkerryError('NotFound', `previous terminated container "${container}" in pod "${uid}" not found`);
  const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
  throw new SkerryError('NotFound', `container "${container}" in pod "${uid}" is waiting to start: ${reason}`);
}
