import { canonicalBytes, hashOf } from '#api/link/canonical.ts';
import type { KubeObject } from '#api/object.ts';
import { itemOf } from './items.ts';

/**
 * Items as bytes, made once for all nodes. The hash of an object is remembered for as long as the object lives; bytes only as far as
 * they fit, and are made again when asked for.
 */
const BYTES_MAX = 4 * 1024 * 1024;

export class ItemEncoder {
  private readonly clusterCIDR: string;
  private readonly hashes = new WeakMap<KubeObject, string>();
  private readonly encoded = new Map<string, Uint8Array>();
  private bytesTotal = 0;

  constructor(clusterCIDR: string) {
    this.clusterCIDR = clusterCIDR;
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
