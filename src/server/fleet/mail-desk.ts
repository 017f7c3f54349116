import type { KeyObject } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { CODECS } from '#api/link/frame.ts';
import { PROTOCOL, type DownMessage, type Hello, type ReceivedStatus } from '#api/link/messages.ts';
import type { SendResult } from '#net/link/transport.ts';
import type { Carrier } from '../carry-out.ts';
import type { View } from '../view.ts';
import type { CloneWatch } from './clone-watch.ts';
import { planHead } from './document-desk.ts';
import type { EventDesk } from './event-desk.ts';
import { hiOf, outboxAfter, provenDocument, sessionOf } from './greeting.ts';
import { isGivenUp, leaseSeconds } from './heartbeat.ts';
import type { IncarnationGuard } from './incarnation-guard.ts';
import { isHeld, type Peer } from './peer.ts';
import type { Receipts } from './receipts.ts';
import { applyRecords, authorOf } from './record-desk.ts';

/** What a node says, one message at a time and in order: hellos, and batches of its outbox. Rejects where the message should be tried again. */
export type MailDeskOptions = {
  readonly cluster: string;
  readonly publicKey: KeyObject;
  /** This life of the server. */
  readonly session: string;
  readonly view: () => View;
  readonly change: Carrier;
  readonly receipts: Receipts;
  readonly guard: IncarnationGuard;
  readonly clones: CloneWatch;
  readonly events: EventDesk;
  readonly send: (peer: Peer, message: DownMessage) => SendResult;
  /** There is a new incarnation: every node must hear of it. */
  readonly renewed: () => void;
  readonly down: (node: string) => void;
  readonly pulse: (node: string) => void;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'random'>;
  readonly log: Log;
};

/** A batch that fails so often for no known reason is carried out without what fails in it: nothing holds up what stands behind it for ever. */
const TRIES_MAX = 5;

export async function takeMail(peer: Peer, options: MailDeskOptions, signal: AbortSignal): Promise<void> {
  const message = peer.mailbox[0];
  if (message === undefined) return;
  if (message.type === 'hello') await greet(peer, message, options, signal);
  else await takeBatch(peer, message, options, signal);
}

async function greet(peer: Peer, hello: Hello, options: MailDeskOptions, signal: AbortSignal): Promise<void> {
  const { clock, receipts, guard, log } = options;
  const { node } = peer;
  if (await refuseClone(peer, hello, options, signal)) return;
  const held = provenDocument(hello, node, options.cluster, options.publicKey);
  if (held === undefined && hello.document !== undefined)
    log.warn({ node }, 'a node holds a document that this cluster did not sign for it; it gets a new one');
  if (held !== undefined && (await guard.check(node, held))) options.renewed();
  const { outbox, isNew } = outboxAfter(hello, (await receipts.of(node)).outbox);
  if (isNew) await receipts.write(node, { outbox });
  const fullState = isNew || (peer.conditions === undefined && isGivenUp(options.view(), node));
  const seconds = leaseSeconds(peer, options.view());
  const takesShared = peer.session?.takesShared;
  peer.session = sessionOf(hello, clock.now());
  if (peer.session.takesShared !== takesShared) peer.dirty = 'own';
  // Whoever judges by the Lease must know how patient to be.
  if (leaseSeconds(peer, options.view()) !== seconds) peer.leaseMs = Number.NEGATIVE_INFINITY;
  peer.acked = held;
  peer.sent = undefined;
  peer.get = undefined;
  if (peer.current?.digest !== held?.digest) peer.dirty = 'own';
  planHead(peer, options);
  options.send(peer, hiOf(options.session, outbox, fullState, Math.floor(clock.now())));
  options.down(node);
  options.pulse(node);
}

/** True if this is one of two that fight over an identity. */
async function refuseClone(peer: Peer, hello: Hello, options: MailDeskOptions, signal: AbortSignal): Promise<boolean> {
  const { clones, clock, log, change } = options;
  const { node } = peer;
  const verdict = clones.hello(node, hello.instance, clock.monotonic());
  if (verdict.type === 'welcome') return false;
  const why = `two machines use the identity of node ${node}`;
  const hi = {
    type: 'hi',
    session: options.session,
    protocol: PROTOCOL,
    codecs: CODECS,
    serverTimeMs: Math.floor(clock.now()),
  } as const;
  options.send(peer, { ...hi, refused: { why, retryAfterMs: Math.ceil(verdict.forMs) } });
  peer.session = undefined;
  if (!verdict.isNew) return true;
  log.error(
    { node, instance: hello.instance, forMs: verdict.forMs },
    'two machines use the identity of one node: both are kept out for a while',
  );
  const involved = { kind: 'Node', name: node };
  const message = `Two machines use the identity of this node; both are kept out. Give one of them an identity of its own (join it anew).`;
  const report = { involved, type: 'Warning', reason: 'CloneDetected', message, time: '', count: 1 } as const;
  const place = { node, epoch: options.session, seq: Math.floor(clock.monotonic()), clockOffsetMs: 0 };
  const judged = options.events.judge(report, place, options.view(), clock.now(), clock.monotonic());
  if ('change' in judged && judged.change !== undefined)
    options.events.committed(await change(judged.change, authorOf(node), signal));
  return true;
}

async function takeBatch(peer: Peer, batch: ReceivedStatus, options: MailDeskOptions, signal: AbortSignal): Promise<void> {
  const { node, session } = peer;
  const { receipts, clock } = options;
  if (session === undefined || options.clones.isQuarantined(node, clock.monotonic())) return;
  if (batch.observed !== undefined) {
    // Another one than before may be what it was pulling: a delta from that is more to it than what was sent meanwhile.
    const isNews = peer.acked?.digest !== batch.observed.digest;
    peer.acked = batch.observed;
    if (peer.sent !== undefined && (isNews || isHeld(peer.sent, batch.observed))) peer.sent = undefined;
    planHead(peer, options);
    options.down(node);
  }
  if (batch.records.length === 0) return;
  const { outbox } = await receipts.of(node);
  if (outbox === undefined || outbox.epoch !== batch.epoch) {
    // Its hello is still to come, or was answered before it began a new epoch.
    return;
  }
  const news = batch.after > outbox.seq ? [] : batch.records.filter(({ seq }) => seq > outbox.seq);
  const last = news.at(-1);
  if (last === undefined) {
    options.send(peer, { type: 'ack', ...outbox });
    return;
  }
  const { epoch } = outbox;
  const place = { node, epoch, clockOffsetMs: session.clockOffsetMs, lastSeq: outbox.seq, lastTry: peer.tries >= TRIES_MAX };
  await applyRecords(news, place, options, signal);
  for (const record of news)
    if ('report' in record && record.report.class === 'state' && record.report.key === 'node')
      peer.conditions = record.report.body.status.conditions;
  const next = { epoch, seq: last.seq };
  await receipts.write(node, { outbox: next });
  options.send(peer, { type: 'ack', ...next });
}
