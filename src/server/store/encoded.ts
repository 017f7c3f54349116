import type { KubeObject } from '#api/object.ts';

/**
 * The JSON of stored objects, so that a write's answer, a get and a watch event send what the commit already made. Bounded by bytes, the
 * least recently used goes first. Text becomes bytes only when someone asks: most controllers' writes are never sent to anyone.
 */
export const ENCODED_BYTES_MAX = 16 * 1024 ** 2;

export class Encoded {
  readonly #bytesMax: number;
  readonly #texts = new Map<KubeObject, string | Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What the commit made of this object. */
  keep(object: KubeObject, text: string): void {
    this.#add(object, text);
  }

  /** The object has been replaced or deleted. */
  forget(object: KubeObject): void {
    const text = this.#texts.get(object);
    if (text === undefined) return;
    this.#bytes -= text.length;
    this.#texts.delete(object);
  }

  /** The object's JSON in UTF-8. Nobody may change it. */
  of(object: KubeObject): Uint8Array {
    const kept = this.#texts.get(object);
    if (kept !== undefined) this.forget(object);
    const bytes = kept instanceof Uint8Array ? kept : Buffer.from(kept ?? JSON.stringify(object));
    this.#add(object, bytes);
    return bytes;
  }

  #add(object: KubeObject, text: string | Uint8Array): void {
    this.#texts.set(object, text);
    this.#bytes += text.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.forget(oldest);
    }
  }
}
