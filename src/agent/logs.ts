import { SkerryError, hasCode } from '#lib/error.ts';
import { parseTime } from '#lib/time.ts';
import type { ObservedContainer } from './plan/observed.ts';
import type { Runtime } from './runtime/runtime.ts';

/** A container's log from the engine: that of its newest attempt, or of the one before, which is kept for this. */
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
  runtime: Pick<Runtime, 'list' | 'logs'>,
  params: PodLogsParams,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const found = await containerOf(runtime, params, signal);
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
    for await (const piece of runtime.logs(found.id, options, signal)) {
      yield piece.length <= left ? piece : piece.subarray(0, left);
      left -= piece.length;
      if (left <= 0) return;
    }
  } catch (error) {
    if (!signal.aborted && !hasCode(error, 'Aborted')) throw error;
  }
}

async function containerOf(
  runtime: Pick<Runtime, 'list'>,
  { uid, container, previous = false }: PodLogsParams,
  signal: AbortSignal,
): Promise<ObservedContainer> {
  const all = (await runtime.list(uid, signal)).filter(({ name }) => name === container && name !== '');
  const started = all.filter(({ state }) => state !== 'created').toSorted((a, b) => b.attempt - a.attempt);
  const newest = all.reduce((highest, { attempt }) => Math.max(highest, attempt), -1);
  const found = previous ? started.find(({ attempt }) => attempt < newest) : started[0];
  if (found !== undefined) return found;
  if (previous) throw new SkerryError('NotFound', `previous terminated container "${container}" in pod "${uid}" not found`);
  throw new SkerryError('NotFound', `container "${container}" in pod "${uid}" is waiting to start: ContainerCreating`);
}
