import { CHUNK_BYTES_MAX, type ChunkPart, type DownMessage, type Get } from '#api/link/messages.ts';
import { indexBytes } from '#api/link/statement.ts';
import type { SendResult } from '#net/link/transport.ts';
import type { ItemEncoder } from './item-encoder.ts';
import type { Peer } from './peer.ts';
import type { Pull, Pulls } from './pulls.ts';
import type { SharedItems } from './shared/shared-items.ts';

/** A document in parts, for a node that pulls it: its index and its items, each by its hash. */
export type PartsOptions = {
  readonly encoder: ItemEncoder;
  readonly shared: SharedItems;
  readonly pulls: Pulls;
  readonly send: (peer: Peer, message: DownMessage) => SendResult;
};

/** As many chunks as the node asked for, no more than the pipe takes. */
export function sendParts(peer: Peer, get: Get, blobAt: Pull['blob'], { send }: Pick<PartsOptions, 'send'>): SendResult {
  let parts: ChunkPart[] = [];
  let room = CHUNK_BYTES_MAX;
  let chunks = 0;
  let result: SendResult = 'sent';
  const flush = () => {
    result = send(peer, { type: 'chunk', parts, missing: [] });
    parts = [];
    room = CHUNK_BYTES_MAX;
    chunks += 1;
  };
  for (const { hash, from } of get.wants) {
    const blob = blobAt(hash) ?? new Uint8Array(0);
    let at = Math.min(from, blob.length);
    do {
      const bytes = blob.subarray(at, at + room);
      parts.push({ hash, from: at, size: blob.length, bytes });
      at += bytes.length;
      room -= bytes.length;
      if (room === 0) flush();
      if (result !== 'sent' || chunks >= get.chunks) return result;
    } while (at < blob.length);
  }
  if (parts.length > 0) flush();
  return result;
}

/** Of the present document, while what is shared is what it was made of. */
export function beginPull({ node, current }: Peer, { encoder, shared, pulls }: PartsOptions): void {
  if (current === undefined) return;
  pulls.begin(node, () => {
    const hasShared = current.shared !== undefined;
    const index = hasShared ? shared.indexBytes(node, current.own) : indexBytes(current.own);
    const texts = new Map(hasShared ? shared.all(node).map(({ hash, text }) => [hash, text] as const) : []);
    return {
      document: current,
      blob: (hash) => {
        if (hash === current.digest) return index;
        const source = current.sources.get(hash);
        if (source !== undefined) return encoder.bytesOf(source);
        const text = texts.get(hash);
        return text === undefined ? undefined : Buffer.from(text, 'utf8');
      },
    };
  });
}

/** The index by its digest, items by their hash: of the present document only. */
export function blobOf({ node, current }: Peer, hash: string, { encoder, shared }: PartsOptions): Uint8Array | undefined {
  if (current === undefined) return undefined;
  const hasShared = current.shared !== undefined;
  if (hash === current.digest) return hasShared ? shared.indexBytes(node, current.own) : indexBytes(current.own);
  const source = current.sources.get(hash);
  if (source !== undefined) return encoder.bytesOf(source);
  return hasShared ? shared.bytesOf(node, hash) : undefined;
}
