import type { Clock } from '#lib/clock.ts';
import { createShares } from '#lib/shares.ts';
import type { Question } from './exchange.ts';
import { ReplyCache } from './reply-cache.ts';
import { aged, type Reply } from './reply.ts';
import type { Upstreams } from './upstreams.ts';
import { RCODE } from './wire.ts';

/**
 * Questions about names that are none of ours: from the cache, else from the node's resolvers, each question once at a time however many ask it. What is past its time is given
 * where nobody answers soon (RFC 8767); where nobody is there, a failure is told at once.
 */
export type Outcome = {
  readonly reply: Reply;
  /** Behind the question, with times to live as they are now. */
  readonly rest: Buffer;
};

/** Patience of clients is five seconds. */
const STALE_AFTER_MS = 1_800;
/** Somebody on the LAN may answer for names of the LAN though nothing beyond is heard of. */
const SILENT_AFTER_MS = 100;
const STALE_SECONDS = 30;
/** Questions that are under way; each has a socket. */
const ASKED_MAX = 256;
const ASKED_EACH_MAX = 128;

export class Forwarder {
  private readonly upstreams: Pick<Upstreams, 'ask' | 'health'>;
  private readonly clock: Clock;
  private readonly cache = new ReplyCache();
  private readonly asked = new Map<string, Promise<Reply | undefined>>();
  private readonly shares = createShares(ASKED_MAX, ASKED_EACH_MAX);
  private readonly stopping: AbortSignal;

  constructor(upstreams: Pick<Upstreams, 'ask' | 'health'>, clock: Clock, stopping: AbortSignal) {
    this.upstreams = upstreams;
    this.clock = clock;
    this.stopping = stopping;
  }

  /** What is known and not past its time. */
  known(question: Question): Outcome | undefined {
    const nowMs = this.clock.monotonic();
    const kept = this.cache.get(cacheKey(question), nowMs);
    if (kept === undefined || nowMs >= kept.freshMs) return undefined;
    return { reply: kept.reply, rest: aged(kept.reply, Math.floor((nowMs - kept.storedMs) / 1000), 0) };
  }

  /** Undefined: nobody knows, or this client asks too much at once. */
  async resolve(question: Question, client: string): Promise<Outcome | undefined> {
    const key = cacheKey(question);
    const stale = this.cache.get(key, this.clock.monotonic())?.reply;
    const { state } = this.upstreams.health();
    if (state !== 'up' && stale !== undefined) return past(stale);
    if (state === 'none' || state === 'looping') return undefined;
    const answer = this.asked.get(key) ?? this.ask(key, question, client);
    if (answer === undefined) return stale === undefined ? undefined : past(stale);
    const patienceMs = state === 'silent' ? SILENT_AFTER_MS : stale === undefined ? undefined : STALE_AFTER_MS;
    const reply = await (patienceMs === undefined ? answer : within(answer, patienceMs, this.clock));
    const isGood = reply !== undefined && (reply.rcode === RCODE.noError || reply.rcode === RCODE.nameError);
    if (!isGood && stale !== undefined) return past(stale);
    return reply === undefined ? undefined : { reply, rest: reply.rest };
  }

  size(): { readonly entries: number; readonly bytes: number } {
    return this.cache.size();
  }

  private ask(key: string, question: Question, client: string): Promise<Reply | undefined> | undefined {
    if (!this.shares.take(client)) return undefined;
    const answer = this.upstreams.ask(question, this.stopping).then((reply) => {
      this.shares.give(client);
      this.asked.delete(key);
      if (reply !== undefined) this.cache.put(key, reply, this.clock.monotonic());
      return reply;
    });
    this.asked.set(key, answer);
    return answer;
  }
}

function past(reply: Reply): Outcome {
  return { reply, rest: aged(reply, Number.POSITIVE_INFINITY, STALE_SECONDS) };
}

function within<T>(answer: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.timer(ms, () => resolve(undefined));
    void answer.then((value) => {
      cancel();
      resolve(value);
    });
  });
}

function cacheKey({ key, type, dnssecOk, unchecked }: Question): string {
  return `${key}${type} ${dnssecOk ? 'd' : ''}${unchecked ? 'c' : ''}`;
}
