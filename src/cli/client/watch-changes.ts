import { holdProcess, sleep, type Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { ApiClient } from './api-client.ts';
import { jsonLines } from './json-lines.ts';
import { listPages, withQuery } from './list-pages.ts';

/**
 * A collection as it is, then as it changes, for as long as somebody wants to know: a stream that ends is opened again where it ended, one that
 * is too old (410) begins with a new list, of which only what is news is told. The first list fails as it fails; later ones are tried again.
 */
export type Change<T> = { readonly event: 'ADDED' | 'MODIFIED' | 'DELETED' | 'COLUMNS'; readonly object: T };

/** Of one form of objects: what there is to know of each. */
export type Form<T> = {
  readonly accept: string;
  readonly parts: (page: unknown) => readonly T[];
  readonly meta: (object: T) => { readonly uid: string; readonly resourceVersion: string };
  /** What of an event's object is a change by itself, such as columns; undefined for most. */
  readonly columns: (object: T) => T | undefined;
  readonly listRevision: (page: unknown) => string;
};

export type Watched = { readonly path: string; readonly query: Readonly<Record<string, string>>; readonly chunk: number };

export type WatchOutside = { readonly clock: Clock; readonly ids: Pick<Ids, 'random'>; readonly stderr: (text: string) => void };

/** After which the server ends a stream, which is then opened again: a link that died in silence is noticed, too. */
const STREAM_SECONDS = 300;
const PATIENCE_SECONDS = 30;
const BACK_OFF_MS_MIN = 500;
const BACK_OFF_MS_MAX = 30_000;

type Event<T> = { readonly type: string; readonly object: T };

/** `tell`: takes changes in their order; the first list in one call. Ends by an error, or when it is aborted. */
export async function watchChanges<T>(
  client: Pick<ApiClient, 'send' | 'open'>,
  { path, query, chunk }: Watched,
  form: Form<T>,
  tell: (changes: readonly Change<T>[]) => Promise<void>,
  outside: WatchOutside,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, { readonly resourceVersion: string; readonly object: T }>();
  const release = holdProcess();
  let revision = await list(true);
  let failures = 0;
  try {
    for (;;) {
      try {
        if (revision === '') revision = await list(false);
        await follow();
        failures = 0;
      } catch (error) {
        if (signal.aborted && hasCode(error, 'Aborted')) return;
        if (isTooOld(error)) revision = '';
        else if (!isPassing(error)) throw error;
        else {
          failures += 1;
          if (failures === 1) outside.stderr(`skerry: the watch was cut, and is tried again: ${causeOf(error)}\n`);
          const most = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** failures);
          await sleep(outside.clock, BACK_OFF_MS_MIN + outside.ids.random() * most, signal);
        }
      }
      if (signal.aborted) return;
    }
  } finally {
    release();
  }

  /** Tells what is news in a list, and gives its revision. */
  async function list(isFirst: boolean): Promise<string> {
    const pages = await listPages(client, path, query, { accept: form.accept, chunk });
    const objects = pages.flatMap(form.parts);
    const now = new Map(objects.map((object) => [form.meta(object).uid, object] as const));
    const gone = [...known].filter(([uid]) => !now.has(uid));
    const changes: Change<T>[] = gone.map(([, { object }]) => ({ event: 'DELETED', object }));
    for (const object of objects) {
      const before = known.get(form.meta(object).uid);
      if (before?.resourceVersion !== form.meta(object).resourceVersion)
        changes.push({ event: before === undefined ? 'ADDED' : 'MODIFIED', object });
    }
    for (const [uid] of gone) known.delete(uid);
    for (const object of objects) remember(object);
    if (isFirst || changes.length > 0) await tell(changes);
    return form.listRevision(pages[0]);
  }

  /** Until the stream ends. */
  async function follow(): Promise<void> {
    const watched = {
      ...query,
      watch: 'true',
      resourceVersion: revision,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(STREAM_SECONDS),
    };
    const idleMs = (STREAM_SECONDS + PATIENCE_SECONDS) * 1_000;
    const stream = await client.open(withQuery(path, watched), { accept: form.accept, idleMs, signal });
    for await (const value of jsonLines(stream)) {
      failures = 0;
      // Sound: this is what a watch's lines are; what is missing in one is not looked at below.
      const { type, object } = value as Event<T>;
      if (type === 'ERROR') throw errorOf(object);
      const columns = form.columns(object);
      if (columns !== undefined) await tell([{ event: 'COLUMNS', object: columns }]);
      const { uid, resourceVersion } = form.meta(object);
      revision = resourceVersion === '' ? revision : resourceVersion;
      if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') continue;
      if (type === 'DELETED') known.delete(uid);
      else remember(object);
      await tell([{ event: type, object }]);
    }
  }

  function remember(object: T): void {
    const { uid, resourceVersion } = form.meta(object);
    known.set(uid, { resourceVersion, object });
  }
}

/** Of a Status in the stream. */
function errorOf(status: unknown): SkerryError {
  // Sound: fields of any object may be read.
  const { reason, message } = (status ?? {}) as { readonly reason?: unknown; readonly message?: unknown };
  return new SkerryError(typeof reason === 'string' ? reason : 'InternalError', 'watch', {
    cause: new Error(typeof message === 'string' ? message : JSON.stringify(status)),
    details: { refusal: true },
  });
}

function isTooOld(error: unknown): boolean {
  return hasCode(error, 'Expired', 'Gone');
}

/** A server that is away, or has too much to do. What it refuses it will go on refusing. */
function isPassing(error: unknown): boolean {
  return hasCode(error, 'ServiceUnavailable', 'TooManyRequests', 'Timeout', 'ServerTimeout', 'InternalError');
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
