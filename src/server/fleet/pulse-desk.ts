import type { MailDeskOptions } from './mail-desk.ts';
import { isGivenUp, renewMs, renewal } from './heartbeat.ts';
import type { Peer } from './peer.ts';
import { authorOf } from './record-desk.ts';
import { changesOf } from './report-changes.ts';

/**
 * For a node that was heard just now: its Lease is renewed, and if it had been given up, what it said last is said again, or it is asked to
 * say it again.
 */
const FULL_STATE_MS = 30_000;

export async function keepAlive(peer: Peer, options: MailDeskOptions, signal: AbortSignal): Promise<void> {
  const { clock, change, view } = options;
  const { node } = peer;
  const nowMs = clock.monotonic();
  if (options.clones.isQuarantined(node, nowMs)) return;
  // Deleted, and about to hear so: a Lease written now would have no owner, and nobody would collect it.
  if (view().get('nodes', '', node) === undefined) return;
  if (nowMs - peer.leaseMs >= renewMs(peer, view())) {
    await change(renewal(peer, view(), clock), authorOf(node), signal);
    peer.leaseMs = nowMs;
  }
  if (!isGivenUp(view(), node)) return;
  if (peer.conditions === undefined) {
    await askFullState(peer, options);
    return;
  }
  const body = { status: { conditions: peer.conditions }, labels: {} };
  const clocks = { clockOffsetMs: peer.session?.clockOffsetMs ?? 0, nowMs: clock.now() };
  const judged = changesOf({ class: 'state', key: 'node', body }, node, view(), clocks);
  if ('dropped' in judged) return;
  for (const each of judged.changes) await change(each, authorOf(node), signal);
}

async function askFullState(peer: Peer, { clock, receipts, send }: MailDeskOptions): Promise<void> {
  const { outbox } = await receipts.of(peer.node);
  const nowMs = clock.monotonic();
  if (outbox === undefined || peer.session === undefined || nowMs - peer.fullStateMs < FULL_STATE_MS) return;
  peer.fullStateMs = nowMs;
  send(peer, { type: 'ack', ...outbox, fullState: true });
}
