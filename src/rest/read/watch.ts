import { apiVersion } from '#api/registry.ts';
import type { KubeObject } from '#api/object.ts';
import { apiError, statusOf } from '#api/status.ts';
import type { Call } from '../options.ts';
import type { Entry, Watch } from '../storage.ts';
import { inForm, type Form } from './form.ts';
import { listObjects, matcher } from './list.ts';
import type { ListOptions } from './query.ts';

/**
 * A watch: frames of JSON, one a line. Objects that enter the selector are ADDED, that leave it DELETED. Bookmarks tell how far the
 * stream has come. A client that reads too slowly is cut off at BACKLOG_BYTES_MAX and starts anew from what it has.
 */
export const BOOKMARK_MS = 60_000;
const TIMEOUT_MS_MIN = 1_800_000;
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Rejects before the first frame with 410, 400 or 422; later failures are an ERROR frame. Ends at its time or when `signal` aborts. */
export async function watchObjects(
  call: Call,
  options: ListOptions,
  form: Form,
  name: string,
  signal: AbortSignal,
): Promise<AsyncIterable<string>> {
  const matches = matcher(call, name === '' ? options : { ...options, fieldSelector: withName(options.fieldSelector, name) });
  const { resourceVersion: asked, sendInitialEvents } = options;
  const stream = new FrameStream(call, form, matches);
  const fromState = sendInitialEvents ?? (asked === '' || asked === '0');
  if (!fromState) {
    const from = asked === '' || asked === '0' ? call.api.storage.revision() : Number(asked);
    return stream.run(from, options, signal);
  }
  const { items, revision } = await listObjects(call, {
    ...options,
    limit: 0,
    continueToken: '',
    resourceVersionMatch: '',
    ...(name === '' ? {} : { fieldSelector: withName(options.fieldSelector, name) }),
  });
  for (const item of items) stream.push('ADDED', item);
  if (sendInitialEvents === true && options.allowWatchBookmarks) stream.bookmark(revision, { [INITIAL_EVENTS_END]: 'true' });
  return stream.run(revision, options, signal);
}

function withName(fieldSelector: string, name: string): string {
  return fieldSelector === '' ? `metadata.name=${name}` : `${fieldSelector},metadata.name=${name}`;
}

class FrameStream {
  readonly #call: Call;
  readonly #form: Form;
  readonly #matches: (object: KubeObject) => boolean;
  #waiting: string[] = [];
  #bytes = 0;
  #last = 0;
  #first = true;
  #over = false;
  #wake = (): void => undefined;

  constructor(call: Call, form: Form, matches: (object: KubeObject) => boolean) {
    this.#call = call;
    this.#form = form;
    this.#matches = matches;
  }

  push(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    this.#frame(type, inForm(this.#form, this.#call.resource, object, this.#call.api.clock.now(), this.#first));
    this.#first = false;
  }

  bookmark(revision: number, annotations?: Readonly<Record<string, string>>): void {
    const { resource, version } = this.#call;
    this.#last = Math.max(this.#last, revision);
    const metadata = {
      resourceVersion: String(this.#last),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    // Sound: a bookmark is an object of the kind with nothing but its metadata, as upstream sends it.
    const object = {
      kind: resource.kind,
      apiVersion: apiVersion(resource.group, version.version),
      metadata,
    } as unknown as KubeObject;
    this.#frame(
      'BOOKMARK',
      this.#form.as === 'object' ? object : inForm(this.#form, resource, object, this.#call.api.clock.now(), this.#first),
    );
  }

  run(from: number, options: ListOptions, signal: AbortSignal): AsyncIterable<string> {
    const { storage, clock, ids } = this.#call.api;
    this.#last = Math.max(this.#last, from);
    // A revision that is yet to come is waited for: nothing older than it is told.
    const watch = storage.watch(Math.min(from, storage.revision()), {
      resource: this.#call.resource.id,
      batch: (entries) => {
        for (const entry of entries) if (entry.revision > from) this.#tell(entry);
      },
      ended: (why) => this.#fail(why),
    });
    const lifeMs = options.timeoutSeconds === undefined ? TIMEOUT_MS_MIN * (1 + ids.random()) : options.timeoutSeconds * 1000;
    const cancelLife = clock.timer(lifeMs, () => this.#end(options.allowWatchBookmarks));
    let cancelMark = (): void => undefined;
    const mark = () => {
      cancelMark = clock.timer(BOOKMARK_MS, () => {
        const revision = storage.revision();
        // What was committed up to now has been delivered a turn later.
        setImmediate(() => setImmediate(() => (this.#over ? undefined : this.bookmark(revision))));
        mark();
      });
    };
    if (options.allowWatchBookmarks) mark();
    const stop = () => {
      cancelLife();
      cancelMark();
      watch.stop();
    };
    return this.#frames(watch, stop, signal);
  }

  async *#frames(_watch: Watch, stop: () => void, signal: AbortSignal): AsyncGenerator<string> {
    const abort = () => this.#end(false);
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) return;
      for (;;) {
        if (this.#waiting.length > 0) {
          const chunk = this.#waiting.join('');
          this.#waiting = [];
          this.#bytes = 0;
          yield chunk;
        } else if (this.#over) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', abort);
      stop();
    }
  }

  #tell({ before, after, revision }: Entry): void {
    const { namespace, resource } = this.#call;
    const inScope = (object: KubeObject | undefined) =>
      object !== undefined &&
      (!resource.namespaced || namespace === '' || object.metadata.namespace === namespace) &&
      this.#matches(object);
    const was = inScope(before);
    const is = inScope(after);
    this.#last = revision;
    if (after !== undefined && is) this.push(was ? 'MODIFIED' : 'ADDED', after);
    else if (before !== undefined && was)
      this.push('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } });
  }

  #frame(type: string, object: unknown): void {
    if (this.#over) return;
    const text = `${JSON.stringify({ type, object })}\n`;
    this.#bytes += text.length;
    this.#waiting.push(text);
    if (this.#bytes > BACKLOG_BYTES_MAX)
      this.#fail(apiError('Expired', 'this watch was read too slowly: start again from the last event you have'));
    this.#wake();
  }

  #fail(why: unknown): void {
    if (this.#over) return;
    this.#waiting.push(`${JSON.stringify({ type: 'ERROR', object: statusOf(why) })}\n`);
    this.#end(false);
  }

  #end(withBookmark: boolean): void {
    if (withBookmark && !this.#over) this.bookmark(this.#last);
    this.#over = true;
    this.#wake();
  }
}
