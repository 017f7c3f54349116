import type { KeyObject } from 'node:crypto';
import { CODECS, commonCodecs } from '#api/link/frame.ts';
import { ITEMS_MAX, PROTOCOL, type Hello, type Hi } from '#api/link/messages.ts';
import { isSigned, type SignedStatement } from '#api/link/statement.ts';
import type { PeerSession } from './peer.ts';
import type { OutboxReceipt } from './receipts.ts';

/** Whatever a node says: a silent one is found within hours. */
const KEEPALIVE_MS_MAX = 60 * 60_000;

/** What a hello means for the outbox, the session and the document. Pure. */
export function sessionOf(hello: Hello, nowMs: number): PeerSession {
  return {
    id: hello.session,
    instance: hello.instance,
    codecs: commonCodecs(hello.codecs),
    keepaliveMs: Math.min(hello.keepaliveMs, KEEPALIVE_MS_MAX),
    clockOffsetMs: nowMs - hello.clock.wallMs,
    takesShared: (hello.itemsMax ?? 0) >= ITEMS_MAX,
  };
}

/**
 * Where the server stands in the node's outbox. An epoch it does not know begins where the node's own acknowledged part ends; a receipt
 * that is behind that (this database was restored) jumps there. In both cases something may be missing, so that all state is asked for.
 */
export function outboxAfter(
  { outbox }: Pick<Hello, 'outbox'>,
  receipt: OutboxReceipt | undefined,
): { readonly outbox: OutboxReceipt; readonly isNew: boolean } {
  if (receipt !== undefined && receipt.epoch === outbox.epoch && receipt.seq >= outbox.ackedSeq)
    return { outbox: receipt, isNew: false };
  return { outbox: { epoch: outbox.epoch, seq: outbox.ackedSeq }, isNew: true };
}

/** The document a node holds, if this cluster signed it for this node; else it counts as holding none. */
export function provenDocument(
  { document }: Hello,
  node: string,
  cluster: string,
  publicKey: KeyObject,
): SignedStatement['statement'] | undefined {
  if (document === undefined || document.statement.node !== node || document.statement.cluster !== cluster) return undefined;
  return isSigned(document, publicKey) ? document.statement : undefined;
}

export function hiOf(session: string, outbox: OutboxReceipt, fullState: boolean, nowMs: number): Hi {
  return {
    type: 'hi',
    session,
    protocol: PROTOCOL,
    codecs: CODECS,
    serverTimeMs: nowMs,
    ack: outbox,
    ...(fullState ? { fullState } : {}),
  };
}
