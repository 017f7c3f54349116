import type { Reply } from './reply.ts';

/** Answers of other name servers, for as long as they may be kept, and a day longer, for when nobody answers (RFC 8767). Which was not asked for the longest goes first. */
export type CachedReply = { readonly reply: Reply; readonly storedMs: number; readonly freshMs: number };

const ENTRIES_MAX = 4_096;
const BYTES_MAX = 1024 * 1024;
const STALE_MS_MAX = 24 * 3_600_000;
/** Of an entry beside its bytes: objects, key, numbers. */
const ENTRY_BYTES = 400;

export class ReplyCache {
  private readonly entries = new Map<string, CachedReply>();
  private bytes = 0;

  put(key: string, reply: Reply, nowMs: number): void {
    if (reply.seconds === 0 || reply.isTruncated) return;
    this.forget(key);
    const entry = { reply, storedMs: nowMs, freshMs: nowMs + reply.seconds * 1000 };
    this.entries.set(key, entry);
    this.bytes += sizeOf(entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= ENTRIES_MAX && this.bytes <= BYTES_MAX) break;
      this.forget(oldest);
    }
  }

  /** Also what is past its time: see `freshMs`. */
  get(key: string, nowMs: number): CachedReply | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (nowMs > entry.freshMs + STALE_MS_MAX) {
      this.forget(key);
      return undefined;
    }
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry;
  }

  size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.entries.size, bytes: this.bytes };
  }

  private forget(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.bytes -= sizeOf(entry);
  }
}

function sizeOf({ reply }: CachedReply): number {
  return reply.rest.length + reply.ttls.length * 8 + ENTRY_BYTES;
}
