import type { SharedItem } from './shared-items.ts';

/**
 * Items in the order of their keys, as the bytes of an index: so that a node's index is some of its own lines put in between, and those of its own endpoints
 * left out. Made once for all nodes of the same LANs; a change puts one item in its place.
 */
export class ItemList {
  /** Of the shared items, up to where it was brought. */
  version: number;
  private readonly items: SharedItem[];
  private made: Made | undefined;

  constructor(version: number, items: SharedItem[]) {
    this.version = version;
    this.items = items;
  }

  get size(): number {
    return this.items.length;
  }

  all(): readonly SharedItem[] {
    return this.items;
  }

  put(key: string, item: SharedItem | undefined): void {
    const at = this.placeOf(key);
    const isThere = this.items[at]?.key === key;
    if (item !== undefined) this.items.splice(at, isThere ? 1 : 0, item);
    else if (isThere) this.items.splice(at, 1);
    else return;
    this.made = undefined;
  }

  /** The canonical bytes of a node's whole index, in pieces. `own`: its own lines in the order of their keys. */
  pieces(node: string, own: readonly (readonly [key: string, line: string])[]): readonly Uint8Array[] {
    const { bytes, starts, owned } = this.make();
    const cuts = [
      ...(owned.get(node) ?? []).map((at) => ({ at, line: undefined })),
      ...own.map(([key, line]) => ({ at: this.placeOf(key), line })),
      // Own lines keep their order; keys are never in both, so a line and a gap at one place do not meet in another order than this.
    ].toSorted((a, b) => a.at - b.at || Number(a.line === undefined) - Number(b.line === undefined));
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const { at, line } of cuts) {
      pieces.push(bytes.subarray(starts[from], starts[at]));
      if (line === undefined) from = at + 1;
      else {
        pieces.push(Buffer.from(line, 'utf8'));
        from = at;
      }
    }
    pieces.push(bytes.subarray(starts[from]));
    const filled = pieces.filter(({ length }) => length > 0);
    // Each line begins with a comma, the first must not.
    return [OPEN, ...filled.map((piece, index) => (index === 0 ? piece.subarray(1) : piece)), CLOSE];
  }

  /** The first place whose key is not before this one. */
  private placeOf(key: string): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.items[middle]?.key ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private make(): Made {
    this.made ??= madeOf(this.items);
    return this.made;
  }
}

type Made = {
  readonly bytes: Uint8Array;
  /** Where each item's line starts, and behind the last where all ends. */
  readonly starts: readonly number[];
  /** Node → places of items that are of it. */
  readonly owned: ReadonlyMap<string, readonly number[]>;
};

const OPEN = Buffer.from('{', 'utf8');
const CLOSE = Buffer.from('}', 'utf8');

export function lineOf(key: string, hash: string): string {
  return `,${JSON.stringify(key)}:"${hash}"`;
}

function madeOf(items: readonly SharedItem[]): Made {
  const owned = new Map<string, number[]>();
  const starts: number[] = [];
  let length = 0;
  for (const [at, { line, owner }] of items.entries()) {
    starts.push(length);
    length += Buffer.byteLength(line, 'utf8');
    if (owner === undefined) continue;
    const places = owned.get(owner);
    if (places === undefined) owned.set(owner, [at]);
    else places.push(at);
  }
  starts.push(length);
  return { bytes: Buffer.from(items.map(({ line }) => line).join(''), 'utf8'), starts, owned };
}
