import { apiVersion } from '#api/registry.ts';
import type { KubeObject } from '#api/object.ts';
import { statusOf } from '#api/status.ts';
import { hasCode } from '#lib/error.ts';
import type { Call } from '../options.ts';
import type { Entry, Watch } from '../storage.ts';
import { inForm, type Form } from './form.ts';
import type { ListOptions } from './query.ts';

/**
 * The frames of one watch, JSON, one a line. A stored object is encoded once for all watches that send it whole. A client that reads slowly
 * costs HELD_BYTES_MAX here and holds its place in the store's ring; when the ring has gone on without it, it is told 410 and begins anew.
 */
export const BOOKMARK_MS = 60_000;
export const HELD_BYTES_MAX = 256 * 1024;
const LIFE_MS_MIN = 1_800_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

type Told = 'ADDED' | 'MODIFIED' | 'DELETED';

export class FrameStream {
  readonly #call: Call;
  readonly #form: Form;
  readonly #matches: (object: KubeObject) => boolean;
  readonly #options: Pick<ListOptions, 'allowWatchBookmarks' | 'timeoutSeconds' | 'sendInitialEvents'>;
  readonly #signal: AbortSignal;
  readonly #cancels: (() => void)[] = [];
  #watch: Watch | undefined;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  /** The client has been told everything up to here. */
  #told = 0;
  #first = true;
  #over = false;
  /** There is something to send, or nothing more ever. */
  #wake = (): void => undefined;
  /** What waited has been sent. */
  #release = (): void => undefined;

  constructor(
    call: Call,
    form: Form,
    matches: (object: KubeObject) => boolean,
    options: Pick<ListOptions, 'allowWatchBookmarks' | 'timeoutSeconds' | 'sendInitialEvents'>,
    signal: AbortSignal,
  ) {
    this.#call = call;
    this.#form = form;
    this.#matches = matches;
    this.#options = options;
    this.#signal = signal;
  }

  /** What changes after this revision; one that is yet to come is waited for. Throws TooManyRequests; one too old is told in a frame, as upstream. */
  from(revision: number): AsyncIterable<Uint8Array> {
    try {
      this.#begin(revision);
    } catch (error) {
      if (!hasCode(error, 'Expired')) throw error;
      this.#fail(error);
    }
    return this.#frames([], revision);
  }

  /** These objects, which were the state at this revision, then what changes. */
  fromState(items: readonly KubeObject[], revision: number): AsyncIterable<Uint8Array> {
    return this.#frames(items, revision);
  }

  async *#frames(items: readonly KubeObject[], revision: number): AsyncGenerator<Uint8Array> {
    const abort = () => this.#end(false);
    this.#signal.addEventListener('abort', abort, { once: true });
    if (this.#signal.aborted) this.#over = true;
    try {
      for (const item of items) {
        this.#push('ADDED', item);
        if (this.#bytes >= HELD_BYTES_MAX) yield this.#take();
      }
      if (this.#watch === undefined && !this.#over) this.#beginAfterState(revision);
      for (;;) {
        if (this.#waiting.length > 0) yield this.#take();
        else if (this.#over) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#signal.removeEventListener('abort', abort);
      for (const cancel of this.#cancels) cancel();
      this.#watch?.stop();
      this.#release();
    }
  }

  /** The client may have taken long to read the state: then it is too late for this revision, which only a frame can still say. */
  #beginAfterState(revision: number): void {
    const { sendInitialEvents, allowWatchBookmarks } = this.#options;
    if (sendInitialEvents === true && allowWatchBookmarks) this.#bookmark(revision, { [INITIAL_EVENTS_END]: 'true' });
    try {
      this.#begin(revision);
    } catch (error) {
      this.#fail(error);
    }
  }

  #begin(revision: number): void {
    const { storage, clock, ids } = this.#call.api;
    // Zero is what Go's clients send for none.
    const { timeoutSeconds = 0, allowWatchBookmarks } = this.#options;
    this.#told = revision;
    this.#watch = storage.watch(Math.min(revision, storage.revision()), {
      resource: this.#call.resource.id,
      batch: (entries) => this.#hear(entries.filter((entry) => entry.revision > revision)),
      ended: (why) => this.#fail(why),
    });
    const lifeMs = timeoutSeconds === 0 ? LIFE_MS_MIN * (1 + ids.random()) : timeoutSeconds * 1000;
    this.#cancels.push(clock.timer(lifeMs, () => this.#end(allowWatchBookmarks)));
    if (allowWatchBookmarks) this.#markEvery(BOOKMARK_MS);
  }

  #markEvery(periodMs: number): void {
    const cancel = this.#call.api.clock.timer(periodMs, () => {
      this.#cancels.splice(this.#cancels.indexOf(cancel), 1);
      if (this.#over) return;
      this.#bookmark(this.#watch?.seen() ?? 0);
      this.#markEvery(periodMs);
    });
    this.#cancels.push(cancel);
  }

  #hear(entries: readonly Entry[]): void | Promise<void> {
    for (const { before, after, deleted } of entries) {
      const was = before !== undefined && this.#matches(before);
      if (after !== undefined && this.#matches(after)) this.#push(was ? 'MODIFIED' : 'ADDED', after);
      else if (was) this.#push('DELETED', deleted ?? withRevisionOf(before, after));
    }
    this.#told = Math.max(this.#told, entries.at(-1)?.revision ?? 0);
    if (this.#bytes < HELD_BYTES_MAX || this.#over) return undefined;
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #take(): Uint8Array {
    const chunk = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#bytes = 0;
    this.#release();
    return chunk;
  }

  #push(type: Told, object: KubeObject): void {
    const { api, resource } = this.#call;
    const whole = this.#form.as === 'object' ? api.encoded?.(object) : undefined;
    this.#frame(type, whole ?? JSON.stringify(inForm(this.#form, resource, object, api.clock.now(), this.#first)));
    this.#first = false;
  }

  /** An object of the kind with nothing but its metadata, in the watch's form, as upstream sends it. */
  #bookmark(revision: number, annotations?: Readonly<Record<string, string>>): void {
    const { api, resource, version } = this.#call;
    this.#told = Math.max(this.#told, revision);
    const metadata = {
      resourceVersion: String(this.#told),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    // Sound: forms read of an object what every kind has; upstream's null stands for a time that is none.
    const object = {
      kind: resource.kind,
      apiVersion: apiVersion(resource.group, version.version),
      metadata,
    } as unknown as KubeObject;
    this.#frame('BOOKMARK', JSON.stringify(inForm(this.#form, resource, object, api.clock.now(), this.#first)));
  }

  #frame(type: string, json: string | Uint8Array): void {
    if (this.#over) return;
    const pieces = [Buffer.from(`{"type":"${type}","object":`), typeof json === 'string' ? Buffer.from(json) : json, FRAME_END];
    for (const piece of pieces) this.#bytes += piece.length;
    this.#waiting.push(...pieces);
    this.#wake();
  }

  #fail(why: unknown): void {
    this.#frame('ERROR', JSON.stringify(statusOf(why)));
    this.#end(false);
  }

  #end(withBookmark: boolean): void {
    if (withBookmark && !this.#over) this.#bookmark(this.#watch?.seen() ?? 0);
    this.#over = true;
    this.#release();
    this.#wake();
  }
}

const FRAME_END = Buffer.from('}\n');

/** What left the selector is told of as it was, at the revision at which it left. */
function withRevisionOf(before: KubeObject, after: KubeObject | undefined): KubeObject {
  return { ...before, metadata: { ...before.metadata, resourceVersion: after?.metadata.resourceVersion ?? '' } };
}
