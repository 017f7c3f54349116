import { canonicalBytes, hashOf } from '#api/link/canonical.ts';
import type { TokenItem } from '#api/link/items.ts';
import type { KubeObject } from '#api/object.ts';
import { mintToken, type TokenKey } from '../auth/service-account-token.ts';
import { itemOf } from './items.ts';
import type { Source } from './project.ts';
import type { TokenOrder } from './token-orders.ts';

/**
 * Items as bytes, made once for all nodes. The hash of an object is remembered for as long as the object lives; bytes only as far as
 * they fit, and are made again when asked for. Tokens come out the same each time, so they are kept nowhere.
 */
const BYTES_MAX = 4 * 1024 * 1024;
/** Hashes of one pod's tokens. */
const TOKENS_MAX = 64;

export class ItemEncoder {
  private readonly clusterCIDR: string;
  private readonly tokenKey: TokenKey;
  private readonly hashes = new WeakMap<KubeObject, string>();
  /** By a pod's spec, which outlives writes of its status: the hashes of its tokens, by what they say. */
  private readonly tokenHashes = new WeakMap<object, Map<string, string>>();
  private readonly encoded = new Map<string, Uint8Array>();
  private bytesTotal = 0;

  constructor(clusterCIDR: string, tokenKey: TokenKey) {
    this.clusterCIDR = clusterCIDR;
    this.tokenKey = tokenKey;
  }

  hashOf(source: Source): string {
    return 'order' in source ? this.tokenHash(source.spec, source.order) : this.hash(source.resource, source.object);
  }

  bytesOf(source: Source): Uint8Array {
    return 'order' in source ? this.token(source.order) : this.bytes(source.resource, source.object);
  }

  hash(resource: string, object: KubeObject): string {
    const known = this.hashes.get(object);
    if (known !== undefined) return known;
    const bytes = this.encode(resource, object);
    const hash = hashOf(bytes);
    this.hashes.set(object, hash);
    this.keep(hash, bytes);
    return hash;
  }

  bytes(resource: string, object: KubeObject): Uint8Array {
    const hash = this.hash(resource, object);
    const kept = this.encoded.get(hash);
    if (kept !== undefined) return kept;
    const bytes = this.encode(resource, object);
    this.keep(hash, bytes);
    return bytes;
  }

  private tokenHash(spec: object, order: TokenOrder): string {
    const known = this.tokenHashes.get(spec) ?? new Map<string, string>();
    const says = JSON.stringify([order.key, order.claims]);
    const hash = known.get(says) ?? hashOf(this.token(order));
    // Those of epochs that have passed go with the first of the next.
    if (!known.has(says) && known.size >= TOKENS_MAX) known.clear();
    this.tokenHashes.set(spec, known.set(says, hash));
    return hash;
  }

  private token({ metadata, claims }: TokenOrder): Uint8Array {
    const item: TokenItem = { kind: 'Token', metadata, token: mintToken(this.tokenKey, claims) };
    return canonicalBytes(item);
  }

  private encode(resource: string, object: KubeObject): Uint8Array {
    return canonicalBytes(itemOf(resource, object, this.clusterCIDR) ?? null);
  }

  private keep(hash: string, bytes: Uint8Array): void {
    if (this.encoded.has(hash) || bytes.length > BYTES_MAX) return;
    this.encoded.set(hash, bytes);
    this.bytesTotal += bytes.length;
    for (const [oldest, { length }] of this.encoded) {
      if (this.bytesTotal <= BYTES_MAX) return;
      this.encoded.delete(oldest);
      this.bytesTotal -= length;
    }
  }
}
