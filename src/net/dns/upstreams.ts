import type { Clock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Exchange, Question, Upstream } from './exchange.ts';
import { ROOT_KEY, keyOfName, parentOf, type NameKey } from './name.ts';
import type { Reply } from './reply.ts';
import { RCODE, TYPE } from './wire.ts';

/**
 * The name servers that questions are passed on to, in their order: who was silent comes last, who leads back to us is not asked at all. Whether anybody is there is not
 * concluded from one name that gets no answer (a name's own servers may be dead), but found out by a probe: a name that nobody has, made
 * up each time. If we are asked for that name ourselves, whom we had asked goes round in a circle with us.
 */
export type ResolverHealth =
  | { readonly state: 'up' }
  /** There is nobody to ask. */
  | { readonly state: 'none' }
  | { readonly state: 'silent'; readonly why: string }
  /** Whom there is to ask asks us. */
  | { readonly state: 'looping' };

/** Who is slower than this has company. */
const STAGGER_MS = 500;
/** After as long without any answer it is found out whether anybody is there. */
const DOUBT_MS = 700;
/** Who was silent is asked last for as long. */
const SILENT_MS = 10_000;
/** Names without an answer are asked for again and again; that somebody is there is not found out as often. */
const DOUBT_EVERY_MS = 2_000;
const PROBE_SILENT_MS = 2_000;
const PROBE_LOOPING_MS = 30_000;
/** Of a domain that is for tests and that nobody has (RFC 6761). */
const PROBE_DOMAIN = 'probe.skerry.test';
const PROBE_LETTERS = 20;

/** A name that nobody has asked for before. */
export function probeName(ids: Pick<Ids, 'suffix'>): NameKey {
  return keyOfName(`${ids.suffix(PROBE_LETTERS)}.${PROBE_DOMAIN}`) ?? ROOT_KEY;
}

type Known = { readonly upstream: Upstream; silentUntilMs: number; isLooping: boolean };

export type UpstreamsOptions = {
  readonly exchange: Exchange;
  /** Somebody should probe soon. */
  readonly doubt: () => void;
  readonly changed: (health: ResolverHealth) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'suffix'>;
};

export class Upstreams {
  private readonly options: UpstreamsOptions;
  private all: readonly Known[] = [];
  private readonly probes = new Map<NameKey, Known>();
  private readonly probeDomain = keyOfName(PROBE_DOMAIN);
  private current: ResolverHealth = { state: 'none' };
  private last = '';
  private heardMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpstreamsOptions) {
    this.options = options;
  }

  set(upstreams: readonly Upstream[]): void {
    const text = JSON.stringify(upstreams);
    if (text === this.last) return;
    this.last = text;
    this.heardMs = Number.NEGATIVE_INFINITY;
    this.all = upstreams.map((upstream) => ({ upstream, silentUntilMs: 0, isLooping: false }));
    // Until the probe says otherwise.
    this.become(this.all.length === 0 ? { state: 'none' } : { state: 'up' });
    this.options.doubt();
  }

  health(): ResolverHealth {
    return this.current;
  }

  /** The first answer that is one; else what the first said that had none; undefined where nobody said anything. Never rejects. */
  ask(question: Question, signal: AbortSignal): Promise<Reply | undefined> {
    const { clock, exchange } = this.options;
    const order = this.order();
    if (order.length === 0) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const ended = new AbortController();
      const abort = () => finish(undefined);
      let next = 0;
      let pending = 0;
      let fallback: Reply | undefined;
      let cancelStagger = (): void => undefined;
      const cancelDoubt = clock.timer(DOUBT_MS, () => (fallback === undefined ? this.doubt() : undefined));
      const finish = (reply: Reply | undefined) => {
        cancelDoubt();
        cancelStagger();
        signal.removeEventListener('abort', abort);
        ended.abort();
        resolve(reply);
      };
      const lacks = () => {
        if (next < order.length) startNext();
        else if (pending === 0) {
          if (fallback === undefined && !signal.aborted) this.doubt();
          finish(fallback);
        }
      };
      const startNext = () => {
        cancelStagger();
        const known = order[next];
        if (known === undefined || ended.signal.aborted) return;
        next += 1;
        pending += 1;
        if (next < order.length) cancelStagger = clock.timer(STAGGER_MS, startNext);
        exchange(known.upstream, question, ended.signal).then(
          (reply) => {
            pending -= 1;
            known.silentUntilMs = 0;
            if (ended.signal.aborted) return;
            if (reply.rcode === RCODE.noError || reply.rcode === RCODE.nameError) return finish(reply);
            fallback ??= reply;
            lacks();
          },
          () => {
            pending -= 1;
            if (ended.signal.aborted) return;
            known.silentUntilMs = clock.monotonic() + SILENT_MS;
            lacks();
          },
        );
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else startNext();
    });
  }

  /** Finds out who is there. Gives when it should be done again; undefined: when there is a doubt. */
  async probe(signal: AbortSignal): Promise<number | undefined> {
    const { all } = this;
    const answers = await Promise.all(all.map((known) => this.probeOne(known, signal)));
    if (signal.aborted || all !== this.all) return 0;
    if (all.length === 0) return undefined;
    const isThere = all.some(({ isLooping }, index) => !isLooping && answers[index] === undefined);
    if (isThere) this.heardMs = this.options.clock.monotonic();
    if (isThere) this.become({ state: 'up' });
    else if (all.every(({ isLooping }) => isLooping)) this.become({ state: 'looping' });
    else this.become({ state: 'silent', why: answers.find((why) => why !== undefined) ?? '' });
    if (!isThere && this.current.state === 'silent') return PROBE_SILENT_MS;
    return all.some(({ isLooping }) => isLooping) ? PROBE_LOOPING_MS : undefined;
  }

  /** True of a name of ours that has come back. */
  cameBack(key: NameKey): boolean {
    if (parentOf(key) !== this.probeDomain) return false;
    const known = this.probes.get(key);
    if (known !== undefined) known.isLooping = true;
    return true;
  }

  private async probeOne(known: Known, signal: AbortSignal): Promise<string | undefined> {
    const key = probeName(this.options.ids);
    const wasLooping = known.isLooping;
    known.isLooping = false;
    this.probes.set(key, known);
    try {
      await this.options.exchange(known.upstream, { key, type: TYPE.A, dnssecOk: false, unchecked: false }, signal);
      known.silentUntilMs = 0;
      return undefined;
    } catch (error) {
      known.silentUntilMs = this.options.clock.monotonic() + SILENT_MS;
      // Who says nothing says nothing new.
      known.isLooping ||= wasLooping;
      return explain(error);
    } finally {
      this.probes.delete(key);
    }
  }

  private doubt(): void {
    if (this.options.clock.monotonic() - this.heardMs >= DOUBT_EVERY_MS) this.options.doubt();
  }

  private order(): readonly Known[] {
    const nowMs = this.options.clock.monotonic();
    const asked = this.all.filter(({ isLooping }) => !isLooping);
    const isSilent = ({ silentUntilMs }: Known) => silentUntilMs > nowMs;
    return [...asked.filter((known) => !isSilent(known)), ...asked.filter(isSilent)];
  }

  private become(health: ResolverHealth): void {
    const isNew = health.state !== this.current.state;
    this.current = health;
    if (isNew) this.options.changed(health);
  }
}
