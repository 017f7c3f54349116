import { holdProcess, sleep, type Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import { jsonLines } from '../client/json-lines.ts';
import { withQuery } from '../client/list-pages.ts';
import { collectionPath, objectPath, pluralName } from '../client/resource-types.ts';
import type { Victim } from './run-delete.ts';

/** Waits until an object is gone, or another one has its name: looks, watches that one name, and looks again when the watch ends. */
const WATCH_SECONDS_MAX = 300;
const PAUSE_MS = 500;

/** `deadline`: of the monotonic clock. Throws Timeout. Whoever may not look does not wait. */
export async function waitUntilGone(
  client: Pick<ApiClient, 'send' | 'open'>,
  victim: Victim & { readonly uid: string },
  deadline: number,
  { clock }: { readonly clock: Clock },
): Promise<void> {
  const stop = new AbortController();
  const release = holdProcess();
  const cancel = clock.timer(deadline - clock.monotonic(), () => stop.abort());
  try {
    for (;;) {
      const revision = await revisionOf(client, victim);
      if (revision === undefined) return;
      if (stop.signal.aborted)
        throw new SkerryError('Timeout', `timed out waiting for the condition on ${pluralName(victim.type)}/${victim.name}`);
      if (await watchedItGo(client, victim, revision, stop.signal)) return;
      await sleep(clock, PAUSE_MS, stop.signal);
    }
  } finally {
    cancel();
    release();
  }
}

/** Undefined: it is gone, or nothing more can be learnt of it. */
async function revisionOf(
  client: Pick<ApiClient, 'send'>,
  { type, namespace, name, uid }: Victim & { readonly uid: string },
): Promise<string | undefined> {
  try {
    const answer = await client.send('GET', objectPath(type, namespace, name));
    // Sound: fields of any object may be read.
    const { metadata } = answer as { readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string } };
    return uid !== '' && metadata?.uid !== uid ? undefined : (metadata?.resourceVersion ?? '');
  } catch (error) {
    if (hasCode(error, 'NotFound', 'Forbidden', 'MethodNotAllowed')) return undefined;
    throw error;
  }
}

/** False: the watch ended first, whatever way. */
async function watchedItGo(
  client: Pick<ApiClient, 'open'>,
  { type, namespace, name }: Victim,
  revision: string,
  signal: AbortSignal,
): Promise<boolean> {
  const query = {
    watch: 'true',
    fieldSelector: `metadata.name=${name}`,
    resourceVersion: revision,
    timeoutSeconds: String(WATCH_SECONDS_MAX),
  };
  try {
    const stream = await client.open(withQuery(collectionPath(type, namespace), query), {
      idleMs: WATCH_SECONDS_MAX * 1_100,
      signal,
    });
    // Sound: this is what a watch's lines are.
    for await (const event of jsonLines(stream)) if ((event as { readonly type?: string }).type === 'DELETED') return true;
    return false;
  } catch (error) {
    if (hasCode(error, 'Aborted', 'ServiceUnavailable', 'Expired', 'Gone', 'Forbidden', 'MethodNotAllowed', 'BadRequest'))
      return false;
    throw error;
  }
}
