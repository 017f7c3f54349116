import { hashOf } from '#api/link/canonical.ts';
import type { ChunkPart } from '#api/link/messages.ts';

/**
 * Pieces of blobs as they arrive, until they are whole. In memory only: a restart of the agent begins the pull anew. Bounded; when it is
 * full everything goes, and the pull begins anew as well.
 */
export class StagedBlobs {
  private readonly bytesMax: number;
  private readonly blobBytesMax: number;
  private readonly blobs = new Map<string, { readonly bytes: Uint8Array; have: number; readonly whole: boolean }>();
  private bytes = 0;

  constructor(bytesMax: number, blobBytesMax: number) {
    this.bytesMax = bytesMax;
    this.blobBytesMax = blobBytesMax;
  }

  /** True if the piece is the next one of its blob, and not the last of one that turns out to be another. */
  add({ hash, from, size, bytes }: ChunkPart): boolean {
    if (size > this.blobBytesMax || from + bytes.length > size || (bytes.length === 0 && size > 0)) return false;
    const blob = this.blobs.get(hash);
    if (blob === undefined && this.bytes + size > this.bytesMax) this.clear();
    const staged = blob ?? { bytes: new Uint8Array(size), have: 0, whole: false };
    if (staged.whole || staged.bytes.length !== size || staged.have !== from) return false;
    if (blob === undefined) this.bytes += size;
    staged.bytes.set(bytes, from);
    staged.have += bytes.length;
    this.blobs.set(hash, staged);
    if (staged.have < size) return true;
    const whole = hashOf(staged.bytes) === hash;
    if (whole) this.blobs.set(hash, { ...staged, whole });
    else this.remove(hash);
    return whole;
  }

  /** How many bytes of this blob are there, from its beginning. */
  have(hash: string): number {
    return this.blobs.get(hash)?.have ?? 0;
  }

  /** The blob, if all of it is there and has the hash it goes by. */
  whole(hash: string): Uint8Array | undefined {
    const blob = this.blobs.get(hash);
    return blob?.whole === true ? blob.bytes : undefined;
  }

  hasAll(hashes: ReadonlySet<string>): boolean {
    return [...hashes].every((hash) => this.blobs.get(hash)?.whole === true);
  }

  clear(): void {
    this.blobs.clear();
    this.bytes = 0;
  }

  private remove(hash: string): void {
    this.bytes -= this.blobs.get(hash)?.bytes.length ?? 0;
    this.blobs.delete(hash);
  }
}
