import { DOCUMENT_BYTES_MAX, ITEM_BYTES_MAX } from '#api/link/messages.ts';
import type { SharedItem } from './shared-items.ts';

/** Of one node's document, which the node refuses as a whole beyond its own limits: the rest is for what is its own. The index travels as one item. */
const INDEX_BYTES_MAX = (ITEM_BYTES_MAX * 7) / 8;
const TEXTS_BYTES_MAX = DOCUMENT_BYTES_MAX / 2;

/**
 * Items in the order of their keys, as the bytes of an index: so that a node's index is some of its own lines put in between, and those of its own endpoints
 * left out. Made once for all nodes of the same LANs; a change puts one item in its place.
 */
export class ItemList {
  /** Of the shared items, up to where it was brought. */
  version: number;
  /** False: more than a node takes was left out when it was made. */
  readonly isWhole: boolean;
  private readonly items: SharedItem[];
  private readonly bytes = { index: 0, texts: 0 };
  private made: Made | undefined;

  constructor(version: number, items: SharedItem[], isWhole: boolean) {
    this.version = version;
    this.items = items;
    this.isWhole = isWhole;
    for (const item of items) this.count(item, 1);
  }

  /** A node takes it. */
  get fits(): boolean {
    return this.bytes.index <= INDEX_BYTES_MAX && this.bytes.texts <= TEXTS_BYTES_MAX;
  }

  get size(): number {
    return this.items.length;
  }

  all(): readonly SharedItem[] {
    return this.items;
  }

  put(key: string, item: SharedItem | undefined): void {
    const at = this.placeOf(key);
    const found = this.items[at];
    const before = found?.key === key ? found : undefined;
    if (item === undefined && before === undefined) return;
    this.items.splice(at, before === undefined ? 0 : 1, ...(item === undefined ? [] : [item]));
    if (before !== undefined) this.count(before, -1);
    if (item !== undefined) this.count(item, 1);
    this.made = undefined;
  }

  private count({ line, text }: SharedItem, sign: 1 | -1): void {
    this.bytes.index += sign * line.length;
    this.bytes.texts += sign * text.length;
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

/** As many of them, in the order of their keys, as a node takes; endpoints go first, as they are of use by their services only. */
export function fitting(items: readonly SharedItem[]): SharedItem[] {
  const isLast = ({ key }: SharedItem) => Number(key.startsWith('endpoints/'));
  const room = { index: INDEX_BYTES_MAX, texts: TEXTS_BYTES_MAX };
  return items
    .toSorted((a, b) => isLast(a) - isLast(b))
    .filter(({ line, text }) => {
      room.index -= line.length;
      room.texts -= text.length;
      return room.index >= 0 && room.texts >= 0;
    })
    .toSorted(byKey);
}

export function byKey(a: SharedItem, b: SharedItem): number {
  return a.key < b.key ? -1 : 1;
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
