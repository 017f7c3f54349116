import type { Pod } from '#api/kinds/pod.ts';
import type { Json } from '#api/object.ts';
import { badRequestError } from '#api/status.ts';
import { sleep, type Clock } from '#lib/clock.ts';
import { hasCode } from '#lib/error.ts';
import type { Connector } from '#rest/options.ts';
import { chooseContainer, noLogReason } from './pod-log/choose-container.ts';
import { parseLogOptions, type LogOptions } from './pod-log/log-options.ts';
import type { Tunnel } from './tunnel.ts';

/**
 * The subresource `pods/log`: which container is meant, and its log as a stream from the node. What can be refused with a status is refused
 * before the answer begins; later an error can only cut it.
 */
export type PodLogOptions = {
  readonly openStream: Tunnel['openStream'];
  readonly clock: Clock;
};

/** How long the answer's headers wait for the log's first bytes, or the node's refusal in their place. */
const FIRST_MS_MAX = 2_000;
const HEADERS = { 'content-type': 'text/plain' };

export function createPodLog({ openStream, clock }: PodLogOptions): Connector {
  return async ({ object, query, signal }) => {
    // Sound: the connector of `pods/log` is given pods.
    const pod = object as Pod;
    const options = parseLogOptions(query, pod.metadata.name ?? '');
    const container = chooseContainer(pod, options.container);
    const node = pod.spec?.nodeName ?? '';
    // Upstream answers for a pod that is on no node yet with nothing.
    if (node === '') return { type: 'value', status: 200, headers: HEADERS, body: '' };

    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const chunks = openStream(node, 'logs', paramsOf(pod, container, options), both)[Symbol.asyncIterator]();
    const first = chunks.next();
    // Looked at below, or by whoever reads the answer; nobody may read it.
    first.catch(() => undefined);
    try {
      await Promise.race([first, sleep(clock, FIRST_MS_MAX, signal)]);
    } catch (error) {
      stop.abort();
      if (hasCode(error, 'NotFound')) throw badRequestError(noLogReason(pod, container, options.previous));
      throw error;
    }
    return { type: 'stream', status: 200, headers: HEADERS, chunks: rest(first, chunks, stop) };
  };
}

async function* rest(
  first: Promise<IteratorResult<Uint8Array>>,
  chunks: AsyncIterator<Uint8Array>,
  stop: AbortController,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = await first; next.done !== true; next = await chunks.next()) yield next.value;
  } finally {
    stop.abort();
  }
}

/** As src/agent/log-stream.ts reads it. */
function paramsOf({ metadata }: Pod, container: string, options: LogOptions): Json {
  const { follow, previous, timestamps, tailLines, limitBytes, sinceSeconds, sinceTime } = options;
  return {
    uid: metadata.uid ?? '',
    container,
    follow,
    previous,
    timestamps,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  };
}
