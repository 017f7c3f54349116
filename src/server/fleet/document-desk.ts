import type { KeyObject } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Get, Observed } from '#api/link/messages.ts';
import { digestOf, signStatement, type SignedStatement } from '#api/link/statement.ts';
import type { SendResult } from '#net/link/transport.ts';
import type { View } from '../view.ts';
import { deltaOps } from './document-delta.ts';
import { beginPull, blobOf, sendParts, type PartsOptions } from './document-parts.ts';
import type { Incarnation } from './incarnation-guard.ts';
import { isHeld, type Current, type Peer } from './peer.ts';
import { project } from './project.ts';
import type { Receipts } from './receipts.ts';
import type { ReferenceIndex } from './reference-index.ts';

/**
 * Brings one node's document down: level-triggered, at most one delta on its way, and only to a node that has said hello. What is
 * lost is found by the next head; what is too large for one message is pulled by the node.
 */
export type DocumentDeskOptions = PartsOptions & {
  readonly cluster: string;
  readonly privateKey: KeyObject;
  readonly view: () => View;
  readonly incarnation: () => Incarnation;
  /** Of service accounts' tokens. */
  readonly tokenIssuer: string;
  readonly references: ReferenceIndex;
  /** What is kept up by the watch has everything that the view has: two documents of one revision must never differ. */
  readonly isCaughtUp: () => boolean;
  /** How many there are to be told. */
  readonly nodes: () => number;
  readonly receipts: Receipts;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
};

/** A document that is not acknowledged is named again after this long, then ever less often. */
export const ACK_WAIT_MS_MIN = 10_000;
export const ACK_WAIT_MS_MAX = 5 * 60_000;
/** To a node that is up to date, as far as the server knows: what a lost message or a flipped bit would have cost is found then. */
export const HEAD_MS = 60 * 60_000;
const CONGESTED_WAIT_MS = 1_000;
/** The watch comes on a later turn of the loop. */
const LAG_WAIT_MS = 1;
const PAST_MAX = 4;
/**
 * What many have in common costs about a millisecond for each of them, whatever has changed (the digest): where one change comes after the other, as in a rollout, several go out
 * as one, so that documents leave the server most of its time. The first goes at once. Proxies of upstream wait as long (minSyncPeriod).
 */
const SHARED_PAUSE_MS_PER_NODE = 5;
const SHARED_PAUSE_MS_MAX = 1_000;
const TOKENS_AGAIN_MS = 10_000;
/** What the digest of an empty index is: what a node without a document starts from. */
const EMPTY_DIGEST = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';

/** One step; gives the milliseconds after which to look again. */
export async function bringDown(peer: Peer, options: DocumentDeskOptions): Promise<number | undefined> {
  if (!peer.connected || peer.session === undefined) return undefined;
  const { pulls } = options;
  const pulled = peer.acked && pulls.done(peer.node, peer.acked.digest);
  if (pulled !== undefined) remember(peer, pulled);
  const pull = peer.get && pulls.find(peer.node, peer.get);
  if (peer.get !== undefined && pull !== undefined) {
    const { get } = peer;
    peer.get = undefined;
    return sendParts(peer, get, pull.blob, options) === 'congested' ? CONGESTED_WAIT_MS : waitMs(peer, options);
  }
  if (hasOldTokens(peer, options)) peer.dirty = 'own';
  const refreshMs = untilRefresh(peer, options);
  if (refreshMs === 0) {
    if (isOutdated(peer) && !options.isCaughtUp()) return LAG_WAIT_MS;
    refresh(peer, options);
  }
  const wanted = wantedOf(peer, options);
  if (wanted === undefined) return undefined;
  if (peer.get !== undefined) {
    const { get } = peer;
    peer.get = undefined;
    // It is at none, or at another than it was told of last.
    pulls.end(peer.node);
    beginPull(peer, options);
    await options.receipts.of(peer.node);
    return (await answerGet(peer, get, wanted, options)) === 'congested' ? CONGESTED_WAIT_MS : waitMs(peer, options);
  }
  if (refreshMs > 0) return refreshMs;
  const nowMs = options.clock.monotonic();
  if (isHeld(peer.acked, wanted)) {
    if (peer.sent !== undefined) peer.sent = undefined;
    if (nowMs < peer.nextHeadMs) return untilLook(peer, options);
    planHead(peer, options);
    await announce(peer, wanted, options);
    return untilLook(peer, options);
  }
  const waiting = waitMs(peer, options);
  if (waiting > 0) return waiting;
  return (await sendDocument(peer, wanted, options)) === 'congested' ? CONGESTED_WAIT_MS : waitMs(peer, options);
}

/** After a hello or an observed: when to speak to an up-to-date node next. */
export function planHead(peer: Peer, { clock, ids }: Pick<DocumentDeskOptions, 'clock' | 'ids'>): void {
  peer.nextHeadMs = clock.monotonic() + HEAD_MS * (0.5 + ids.random());
}

/** Milliseconds until the next head, or until a token is to be made anew; never less than the state needs to have moved on. */
function untilLook({ nextHeadMs, current }: Peer, { clock }: Pick<DocumentDeskOptions, 'clock'>): number {
  const tokensMs = Math.max(TOKENS_AGAIN_MS, (current?.tokens.untilMs ?? Number.POSITIVE_INFINITY) - clock.now());
  return Math.max(0, Math.min(nextHeadMs - clock.monotonic(), tokensMs));
}

/**
 * The epoch of one has passed, or the clock was put back to before it: looked at with each head, so at least about hourly. Not while the document's revision is that of the
 * state: two documents of one revision must never differ.
 */
function hasOldTokens({ current }: Peer, { view, clock }: Pick<DocumentDeskOptions, 'view' | 'clock'>): boolean {
  if (current === undefined || view().revision <= current.rev) return false;
  const nowMs = clock.now();
  return nowMs >= current.tokens.untilMs || nowMs < current.tokens.fromMs;
}

const isOutdated = ({ dirty, current }: Peer): boolean => dirty !== undefined || current === undefined;

/** Milliseconds for which the document stays as it is though it is out of date; 0: it is made anew now, or need not be. */
function untilRefresh(peer: Peer, options: DocumentDeskOptions): number {
  // Parts that are of no pull are there of what is now only: who asks for one is answered from a document that is up to date.
  if (peer.dirty === undefined || peer.current === undefined || peer.get !== undefined) return 0;
  // The next could not be sent yet.
  const onItsWayMs = waitMs(peer, options);
  if (onItsWayMs > 0 || peer.dirty === 'own') return onItsWayMs;
  const pauseMs = Math.min(SHARED_PAUSE_MS_MAX, SHARED_PAUSE_MS_PER_NODE * options.nodes());
  return Math.max(0, peer.madeMs + pauseMs - options.clock.monotonic());
}

function refresh(peer: Peer, { view, encoder, references, shared, tokenIssuer, clock }: DocumentDeskOptions): void {
  if (!isOutdated(peer)) return;
  const now = view();
  const standing = peer.current?.rev === now.revision ? peer.current.tokens.atMs : undefined;
  const takesShared = peer.session?.takesShared === true;
  const projection = project(now, peer.node, (source) => encoder.hashOf(source), {
    issuer: tokenIssuer,
    nowMs: standing ?? clock.now(),
    // They came with services.
    withoutTokens: !takesShared,
  });
  peer.dirty = undefined;
  peer.madeMs = clock.monotonic();
  references.set(peer.node, projection.references);
  const before = peer.current;
  const digest = takesShared ? shared.digest(peer.node, projection.own) : digestOf(projection.own);
  const next = { ...projection, digest, shared: takesShared ? shared.current : undefined };
  if (before?.digest === digest) {
    peer.current = { ...next, rev: before.rev };
    return;
  }
  if (before !== undefined) remember(peer, before);
  // Unchanged since the node took it, as far as anyone can tell: then it is still of that revision.
  const { acked } = peer;
  const isUnchanged = before === undefined && acked?.digest === digest;
  const rev = isUnchanged ? Math.min(acked.rev, now.revision) : now.revision;
  peer.current = { ...next, rev };
}

function remember(peer: Peer, { digest, own, shared }: Current): void {
  peer.past.delete(digest);
  peer.past.set(digest, { own, shared });
  const oldest = peer.past.keys().next();
  if (peer.past.size > PAST_MAX && oldest.done !== true) peer.past.delete(oldest.value);
}

function wantedOf({ current }: Peer, { incarnation }: DocumentDeskOptions): Observed | undefined {
  if (current === undefined) return undefined;
  const { id, confirmed } = incarnation();
  return { incarnation: id, confirmed, rev: current.rev, digest: current.digest };
}

/** Milliseconds until what was sent counts as lost; 0: nothing is on its way. */
function waitMs({ sent }: Peer, { clock }: DocumentDeskOptions): number {
  if (sent === undefined) return 0;
  const patienceMs = Math.min(ACK_WAIT_MS_MAX, ACK_WAIT_MS_MIN * 2 ** (sent.tries - 1));
  return Math.max(0, sent.atMs + patienceMs - clock.monotonic());
}

async function sendDocument(peer: Peer, wanted: Observed, options: DocumentDeskOptions): Promise<SendResult> {
  const { sent, current } = peer;
  const again = sent !== undefined && isHeld(sent, wanted);
  const delta = again || current === undefined ? undefined : deltaOps(peer, current, options);
  if (delta === undefined) beginPull(peer, options);
  const head = await markedHead(peer, wanted, options);
  const base = {
    incarnation: peer.acked?.incarnation ?? '',
    rev: peer.acked?.rev ?? 0,
    digest: peer.acked?.digest ?? EMPTY_DIGEST,
  };
  const result = options.send(peer, delta === undefined ? { type: 'head', head } : { type: 'delta', base, ops: delta, head });
  if (result === 'sent') {
    const jitter = 1 + options.ids.random() / 2;
    const tries = again ? (sent?.tries ?? 0) + 1 : 1;
    peer.sent = { ...wanted, tries, atMs: options.clock.monotonic() + (jitter - 1) * ACK_WAIT_MS_MIN };
  }
  return result;
}

async function announce(peer: Peer, wanted: Observed, options: DocumentDeskOptions): Promise<void> {
  options.send(peer, { type: 'head', head: await markedHead(peer, wanted, options) });
}

/** The mark is on the disk before a node may see the revision. */
async function markedHead(
  peer: Peer,
  { incarnation, confirmed, rev, digest }: Observed,
  options: DocumentDeskOptions,
): Promise<SignedStatement> {
  const { mark } = await options.receipts.of(peer.node);
  if (mark?.incarnation !== incarnation || mark.rev < rev)
    await options.receipts.write(peer.node, { mark: { incarnation, rev, digest } });
  return signStatement({ cluster: options.cluster, node: peer.node, incarnation, confirmed, rev, digest }, options.privateKey);
}

async function answerGet(peer: Peer, get: Get, wanted: Observed, options: DocumentDeskOptions): Promise<SendResult> {
  const blob = (hash: string) => blobOf(peer, hash, options);
  const missing = get.wants.filter(({ hash }) => blob(hash) === undefined).map(({ hash }) => hash);
  if (missing.length === 0) return sendParts(peer, get, blob, options);
  const head = await markedHead(peer, wanted, options);
  options.send(peer, { type: 'chunk', parts: [], missing });
  return options.send(peer, { type: 'head', head });
}
