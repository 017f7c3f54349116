import { controllerOf, type KubeObject } from '#api/object.ts';
import type { Key } from '#rest/storage.ts';
import type { Kept } from '../view.ts';

/**
 * The committed objects in memory: by key, sorted per resource, by owner and, for pods, by node. Lists are made once and kept until
 * their resource changes; who was given one may keep it.
 */
export type Row = {
  readonly key: Key;
  readonly object: KubeObject;
  readonly revision: number;
  /** A row of the same key is on the disk. */
  readonly durable: boolean;
  /** Length of its JSON. */
  readonly bytes: number;
  /** Clock.monotonic when it was written, or when the store was opened. */
  readonly writtenMs: number;
};

type Place = { readonly namespace: string; readonly name: string };

const POD_RESOURCE = 'pods';
const FIRST: Place = { namespace: '', name: '' };
/** Names are ASCII. */
const NAME_AFTER_ALL = '\uffff';

export class Table {
  readonly #shelves = new Map<string, Shelf>();
  readonly #byOwner = new Grouping();
  readonly #byNode = new Grouping();
  readonly #uncontrolled = new Grouping();

  get(key: Key): Row | undefined {
    return this.#shelves.get(key.resource)?.rows.get(placeText(key));
  }

  put(row: Row): void {
    const shelf = this.#shelf(row.key.resource);
    const before = shelf.put(row);
    if (before !== undefined) this.#leave(before);
    this.#enter(row);
  }

  /** Many rows at once, none of them there before. */
  load(rows: readonly Row[]): void {
    for (const row of rows) {
      this.#shelf(row.key.resource).append(row);
      this.#enter(row);
    }
    for (const shelf of this.#shelves.values()) shelf.sort();
  }

  delete(key: Key): void {
    const before = this.#shelves.get(key.resource)?.delete(key);
    if (before !== undefined) this.#leave(before);
  }

  list(resource: string, namespace?: string): readonly KubeObject[] {
    return this.#shelves.get(resource)?.list(namespace) ?? [];
  }

  /** Only what comes after this place, if one is given. */
  rows(resource: string, namespace: string | undefined, after: Place = FIRST): readonly Row[] {
    return this.#shelves.get(resource)?.rowsAfter(namespace, after) ?? [];
  }

  dependents(ownerUid: string): readonly Kept[] {
    return this.#byOwner.members(ownerUid).map(({ key, object }) => ({ resource: key.resource, object }));
  }

  uncontrolled(resource: string, namespace: string): readonly KubeObject[] {
    return this.#uncontrolled.members(`${resource}/${namespace}`).map(({ object }) => object);
  }

  podsOn(node: string): readonly KubeObject[] {
    return this.#byNode.members(node).map(({ object }) => object);
  }

  #shelf(resource: string): Shelf {
    let shelf = this.#shelves.get(resource);
    if (shelf === undefined) this.#shelves.set(resource, (shelf = new Shelf()));
    return shelf;
  }

  #enter(row: Row): void {
    for (const owner of row.object.metadata.ownerReferences ?? []) this.#byOwner.add(owner.uid, row);
    const node = nodeOf(row);
    if (node !== undefined) this.#byNode.add(node, row);
    if (controllerOf(row.object) === undefined) this.#uncontrolled.add(`${row.key.resource}/${row.key.namespace}`, row);
  }

  #leave(row: Row): void {
    for (const owner of row.object.metadata.ownerReferences ?? []) this.#byOwner.remove(owner.uid, row);
    const node = nodeOf(row);
    if (node !== undefined) this.#byNode.remove(node, row);
    if (controllerOf(row.object) === undefined) this.#uncontrolled.remove(`${row.key.resource}/${row.key.namespace}`, row);
  }
}

/** The rows of one resource. */
class Shelf {
  readonly rows = new Map<string, Row>();
  readonly #sorted: Row[] = [];
  readonly #lists = new Map<string | undefined, readonly KubeObject[]>();

  put(row: Row): Row | undefined {
    const text = placeText(row.key);
    const before = this.rows.get(text);
    this.rows.set(text, row);
    const at = this.#position(row.key);
    if (before === undefined) this.#sorted.splice(at, 0, row);
    else this.#sorted[at] = row;
    this.#lists.clear();
    return before;
  }

  append(row: Row): void {
    this.rows.set(placeText(row.key), row);
    this.#sorted.push(row);
  }

  sort(): void {
    this.#sorted.sort((a, b) => comparePlaces(a.key, b.key));
    this.#lists.clear();
  }

  delete(key: Key): Row | undefined {
    const text = placeText(key);
    const before = this.rows.get(text);
    if (before === undefined) return undefined;
    this.rows.delete(text);
    this.#sorted.splice(this.#position(key), 1);
    this.#lists.clear();
    return before;
  }

  list(namespace: string | undefined): readonly KubeObject[] {
    const kept = this.#lists.get(namespace);
    if (kept !== undefined) return kept;
    const made = this.rowsAfter(namespace, FIRST).map(({ object }) => object);
    this.#lists.set(namespace, made);
    return made;
  }

  rowsAfter(namespace: string | undefined, after: Place): readonly Row[] {
    const from = namespace !== undefined && after.namespace < namespace ? { namespace, name: '' } : after;
    const start = this.#position(from);
    const end = namespace === undefined ? this.#sorted.length : this.#position({ namespace, name: NAME_AFTER_ALL });
    const rows = this.#sorted.slice(start, end);
    const first = rows[0];
    return first !== undefined && comparePlaces(first.key, after) === 0 ? rows.slice(1) : rows;
  }

  /** Where `place` is, or would be. */
  #position(place: Place): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#sorted[middle];
      if (row !== undefined && comparePlaces(row.key, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Rows by a word they name; one that names a word twice is there once. */
class Grouping {
  readonly #groups = new Map<string, Map<string, Row>>();

  add(word: string, row: Row): void {
    let group = this.#groups.get(word);
    if (group === undefined) this.#groups.set(word, (group = new Map()));
    group.set(`${row.key.resource}/${placeText(row.key)}`, row);
  }

  remove(word: string, row: Row): void {
    const group = this.#groups.get(word);
    group?.delete(`${row.key.resource}/${placeText(row.key)}`);
    if (group?.size === 0) this.#groups.delete(word);
  }

  /** In the order resource, namespace, name. */
  members(word: string): readonly Row[] {
    const group = this.#groups.get(word);
    if (group === undefined) return [];
    return [...group.values()].sort((a, b) => compareTexts(a.key.resource, b.key.resource) || comparePlaces(a.key, b.key));
  }
}

export function comparePlaces(a: Place, b: Place): number {
  return compareTexts(a.namespace, b.namespace) || compareTexts(a.name, b.name);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function placeText({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}

function nodeOf({ key, object }: Row): string | undefined {
  if (key.resource !== POD_RESOURCE) return undefined;
  const spec = object['spec'];
  const node = typeof spec === 'object' && spec !== null && 'nodeName' in spec ? spec.nodeName : undefined;
  return typeof node === 'string' && node !== '' ? node : undefined;
}
