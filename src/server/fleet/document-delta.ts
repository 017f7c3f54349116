import { DELTA_BYTES_MAX, type DeltaOp } from '#api/link/messages.ts';
import type { PartsOptions } from './document-parts.ts';
import type { Current, Past, Peer } from './peer.ts';

type DeltaOptions = Pick<PartsOptions, 'encoder' | 'shared'>;

const NOTHING: Past = { own: new Map(), shared: undefined };
/** Keys and hashes alone may fill a message too. */
const DELTA_OPS_MAX = 512;

/** What is to be changed in the document that a node holds. Undefined: nobody knows which it holds, or it is too much for one message. */
export function deltaOps(peer: Peer, current: Current, options: DeltaOptions): readonly DeltaOp[] | undefined {
  const { encoder } = options;
  const base = baseOf(peer, current);
  const changed = base && sharedChanges(peer, base, current, options);
  if (base === undefined || changed === undefined) return undefined;
  const held = new Set(base.own.values());
  const ops: DeltaOp[] = [];
  let bytesTotal = 0;
  for (const [key, item] of changed) {
    if (item === undefined) {
      ops.push({ key, gone: true });
      continue;
    }
    bytesTotal += item.text.length;
    if (bytesTotal > DELTA_BYTES_MAX) return undefined;
    ops.push({ key, hash: item.hash, bytes: Buffer.from(item.text, 'utf8') });
  }
  for (const [key, hash] of current.own) {
    if (base.own.get(key) === hash) continue;
    const source = current.sources.get(hash);
    if (held.has(hash) || source === undefined) {
      ops.push({ key, hash });
      continue;
    }
    const bytes = encoder.bytesOf(source);
    bytesTotal += bytes.length;
    if (bytesTotal > DELTA_BYTES_MAX) return undefined;
    ops.push({ key, hash, bytes });
  }
  for (const key of base.own.keys()) if (!current.own.has(key)) ops.push({ key, gone: true });
  return ops.length > DELTA_OPS_MAX ? undefined : ops;
}

/** Of the shared items what is other than in the base; undefined: nobody knows. */
function sharedChanges({ node }: Peer, base: Past, current: Current, { shared }: DeltaOptions) {
  if (current.shared === undefined) return base.shared === undefined ? new Map<string, never>() : undefined;
  if (base.shared !== undefined) return shared.changedSince(base.shared, node);
  return base === NOTHING ? new Map(shared.all(node).map((item) => [item.key, item])) : undefined;
}

function baseOf({ acked, past }: Peer, current: Current): Past | undefined {
  if (acked === undefined) return NOTHING;
  return acked.digest === current.digest ? current : past.get(acked.digest);
}
