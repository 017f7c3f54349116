import type { Node } from '#api/kinds/node.ts';
import { LAN_ANNOTATION, parseLan } from '#api/kinds/node-lan.ts';
import type { Service } from '#api/kinds/service.ts';
import { hashOf, hashOfPieces } from '#api/link/canonical.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { Item, NetworkItem } from '#api/link/items.ts';
import type { Index } from '#api/link/statement.ts';
import type { KubeObject } from '#api/object.ts';
import type { Entry } from '#rest/storage.ts';
import type { View } from '../../view.ts';
import { EndpointItems, serviceOf, SLICES } from './endpoint-items.ts';
import { byKey, fitting, ItemList, lineOf } from './item-list.ts';
import { LAN_NODES_MAX, LanIndex } from './lan-index.ts';
import { peerItem } from './peer-item.ts';
import { serviceItem } from './service-item.ts';

/**
 * The items that many nodes' documents have in common: the network, every Service, and endpoints and peers for whoever shares a LAN with them. Kept up by
 * the watch, each encoded once. A change costs what it changes: which nodes it concerns, and what it adds to a delta, is known without a look at the rest;
 * only the digest is made of the whole index, as it has to be, out of bytes that the nodes of a LAN have in common.
 */
export type SharedItem = {
  readonly key: string;
  /** The node it is of: not in that node's own document, only in those of its LANs. Undefined: in all. */
  readonly owner: string | undefined;
  readonly hash: string;
  readonly text: string;
  /** Of the index. */
  readonly line: string;
};

export type Concerned = 'all' | ReadonlySet<string>;

/** Of one item: a service of all ports there are must not fill all nodes' documents. Larger ones are left out. */
const TEXT_BYTES_MAX = 1024 * 1024;
/** Changes kept in mind, so that a delta is made of them; a node that is further behind pulls. */
const CHANGES_MAX = 8_192;
/** Items that lists of LANs may name together before the one that was not used for longest goes. */
const LISTED_MAX = 400_000;
const NOBODY: ReadonlySet<never> = new Set();

export class SharedItems {
  private readonly network: NetworkItem['spec'];
  private readonly items = new Map<string, SharedItem>();
  private readonly byHash = new Map<string, SharedItem>();
  private readonly byOwner = new Map<string, Set<string>>();
  private readonly lans: LanIndex;
  /** By `<namespace>/<service>`. */
  private readonly endpoints = new Map<string, EndpointItems>();
  private readonly sliceService = new Map<string, string>();
  private readonly lists = new Map<string, ItemList>();
  /** Of a node: from which version on what it sees is comparable. */
  private readonly sightSince = new Map<string, number>();
  private changes: string[] = [];
  private version = 0;
  private left = 0;

  constructor(network: NetworkItem['spec'], lanNodesMax = LAN_NODES_MAX) {
    this.network = network;
    this.lans = new LanIndex(lanNodesMax);
  }

  /** Everything anew, from what is there. */
  reset(view: Pick<View, 'list'>): void {
    for (const map of [this.items, this.byHash, this.byOwner, this.endpoints, this.sliceService, this.lists]) map.clear();
    this.lans.clear();
    this.sightSince.clear();
    this.left = 0;
    this.put('network', undefined, { kind: 'Network', spec: this.network });
    for (const node of view.list('nodes')) this.placeNode(node.metadata.name ?? '', node);
    for (const service of view.list('services'))
      this.takeService(service.metadata.namespace ?? '', service.metadata.name ?? '', service);
    for (const slice of view.list(SLICES)) this.placeSlice(slice.metadata.namespace ?? '', slice.metadata.name ?? '', slice);
    // No base of before is comparable.
    this.version += 1;
    this.changes = [];
  }

  /** A committed write; gives the nodes whose documents it changes. */
  take({ key: { resource, namespace, name }, after }: Pick<Entry, 'key' | 'after'>): Concerned {
    switch (resource) {
      case 'services':
        return this.takeService(namespace, name, after) ? 'all' : NOBODY;
      case SLICES:
        return this.whoSees(this.placeSlice(namespace, name, after));
      case 'nodes':
        return this.takeNode(name, after);
      default:
        return NOBODY;
    }
  }

  /** Of the present state: what was kept with a document, to make a delta from it later. */
  get current(): number {
    return this.version;
  }

  /** Grows where items are left out, as they are too large or too many. */
  get leftOut(): number {
    return this.left;
  }

  digest(node: string, own: Index): string {
    return hashOfPieces(this.pieces(node, own));
  }

  /** Of the whole index, own and shared: what indexBytes (src/api/link/statement.ts) would make of it. */
  indexBytes(node: string, own: Index): Uint8Array {
    return Buffer.concat(this.pieces(node, own));
  }

  /** Key → item, or undefined for one that is not in the node's document (any more), of what has changed since; undefined: too long ago to tell. */
  changedSince(version: number, node: string): ReadonlyMap<string, SharedItem | undefined> | undefined {
    if (version < (this.sightSince.get(node) ?? 0)) return undefined;
    const keys = this.keysSince(version);
    return keys && new Map([...new Set(keys)].map((key) => [key, this.seen(node, this.items.get(key))]));
  }

  /** Everything of the node's document that is shared. */
  all(node: string): readonly SharedItem[] {
    return this.listOf(this.lans.sightOf(node))
      .all()
      .filter(({ owner }) => owner !== node);
  }

  /** The item of this hash, if the node may see it. */
  bytesOf(node: string, hash: string): Uint8Array | undefined {
    const item = this.seen(node, this.byHash.get(hash));
    return item && Buffer.from(item.text, 'utf8');
  }

  private pieces(node: string, own: Index): readonly Uint8Array[] {
    const lines = [...own].map(([key, hash]) => [key, lineOf(key, hash)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return this.listOf(this.lans.sightOf(node)).pieces(node, lines);
  }

  private takeService(namespace: string, name: string, after: KubeObject | undefined): boolean {
    // Stored services were decoded against their schema.
    return this.put(`services/${namespace}/${name}`, undefined, after && serviceItem(after as Service));
  }

  /** Gives whose endpoints have changed. */
  private placeSlice(namespace: string, name: string, after: KubeObject | undefined): ReadonlySet<string | undefined> {
    const id = `${namespace}/${name}`;
    const before = this.sliceService.get(id);
    const service = after && serviceOf(after);
    if (service === undefined) this.sliceService.delete(id);
    else this.sliceService.set(id, service);
    const gone = before === undefined || before === service ? NOBODY : this.regroup(before, name, undefined);
    return service === undefined ? gone : gone.union(this.regroup(service, name, after));
  }

  private whoSees(owners: ReadonlySet<string | undefined>): Concerned {
    if (owners.has(undefined)) return 'all';
    return new Set([...owners].flatMap((owner) => (owner === undefined ? [] : [...this.lans.neighboursOf(owner)])));
  }

  /** Brings a service's items up to date with one of its slices; gives whose have changed. */
  private regroup(service: string, slice: string, object: KubeObject | undefined): ReadonlySet<string | undefined> {
    const endpoints = this.endpoints.get(service) ?? new EndpointItems(service);
    this.endpoints.set(service, endpoints);
    const changed = new Set<string | undefined>();
    for (const [key, item] of endpoints.take(slice, object)) {
      const owner = item === undefined ? this.items.get(key)?.owner : item.node;
      if (this.put(key, owner, item)) changed.add(owner);
    }
    if (endpoints.isEmpty) this.endpoints.delete(service);
    return changed;
  }

  private takeNode(name: string, after: KubeObject | undefined): Concerned {
    const before = this.lans.neighboursOf(name);
    const { moved, changed } = this.placeNode(name, after);
    if (moved.length === 0) return changed ? before : NOBODY;
    // Others see them now who did not, or no longer; and they see others.
    for (const each of moved) {
      for (const key of this.byOwner.get(each) ?? []) this.note(key);
      this.note(`peers/${each}`);
    }
    // Of a deleted node, too: its agent may still be there. What no base reaches back to anyway is forgotten.
    for (const each of moved) this.sightSince.set(each, this.version);
    for (const [each, since] of this.sightSince) if (since <= this.version - this.changes.length) this.sightSince.delete(each);
    // Of a LAN that is taken apart, or together, all have moved.
    return new Set([...before, ...moved.flatMap((each) => [each, ...this.lans.neighboursOf(each)])]);
  }

  private placeNode(
    name: string,
    after: KubeObject | undefined,
  ): { readonly moved: readonly string[]; readonly changed: boolean } {
    // Stored nodes were decoded against their schema.
    const node = after as Node | undefined;
    const moved = this.lans.set(name, parseLan(node?.metadata.annotations?.[LAN_ANNOTATION]));
    return { moved, changed: this.put(`peers/${name}`, name, node && peerItem(node)) };
  }

  /** True if that is new. */
  private put(key: string, owner: string | undefined, item: Item | undefined): boolean {
    const before = this.items.get(key);
    const whole = item && canonicalText(item);
    const text = whole !== undefined && whole.length <= TEXT_BYTES_MAX ? whole : undefined;
    if (text !== whole) this.left += 1;
    if (before?.text === text) return false;
    if (before !== undefined) this.byHash.delete(before.hash);
    if (text === undefined) {
      this.items.delete(key);
      const owned = owner === undefined ? undefined : this.byOwner.get(owner);
      owned?.delete(key);
      if (owner !== undefined && owned?.size === 0) this.byOwner.delete(owner);
    } else {
      const hash = hashOf(Buffer.from(text, 'utf8'));
      const made = { key, owner, hash, text, line: lineOf(key, hash) };
      this.items.set(key, made);
      this.byHash.set(hash, made);
      if (owner !== undefined) this.byOwner.set(owner, (this.byOwner.get(owner) ?? new Set()).add(key));
    }
    this.note(key);
    return true;
  }

  private note(key: string): void {
    this.version += 1;
    this.changes.push(key);
    if (this.changes.length > 2 * CHANGES_MAX) this.changes = this.changes.slice(-CHANGES_MAX);
  }

  /** Of the changes the last is that to the present version. */
  private keysSince(version: number): readonly string[] | undefined {
    const behind = this.version - version;
    if (behind < 0 || behind > this.changes.length) return undefined;
    return behind === 0 ? [] : this.changes.slice(-behind);
  }

  private seen(node: string, item: SharedItem | undefined): SharedItem | undefined {
    if (item?.owner === undefined) return item;
    return item.owner !== node && this.isIn(item, this.lans.sightOf(node)) ? item : undefined;
  }

  private isIn({ owner }: SharedItem, sight: readonly string[]): boolean {
    return owner === undefined || this.lans.isIn(owner, sight);
  }

  /** Brought up to now. */
  private listOf(sight: readonly string[]): ItemList {
    const name = sight.join();
    const known = this.lists.get(name);
    const list = (known && this.caughtUp(known, sight)) ?? this.newList(sight);
    list.version = this.version;
    this.lists.delete(name);
    this.lists.set(name, list);
    this.trim();
    return list;
  }

  /** Undefined where it is to be made anew. */
  private caughtUp(list: ItemList, sight: readonly string[]): ItemList | undefined {
    const keys = list.isWhole ? this.keysSince(list.version) : undefined;
    if (keys === undefined) return list.version === this.version ? list : undefined;
    for (const key of keys) {
      const item = this.items.get(key);
      list.put(key, item !== undefined && this.isIn(item, sight) ? item : undefined);
    }
    return list.fits ? list : undefined;
  }

  /** What is of all nodes is looked for once: a fleet may have as many LANs as nodes. */
  private newList(sight: readonly string[]): ItemList {
    const base = sight.length === 0 ? undefined : this.listOf([]);
    const common = base?.all() ?? [...this.items.values()].filter(({ owner }) => owner === undefined);
    const keys = [...this.lans.nodesIn(sight)].flatMap((node) => [...(this.byOwner.get(node) ?? [])]);
    const items = [...common, ...keys.flatMap((key) => this.items.get(key) ?? [])].toSorted(byKey);
    const list = new ItemList(this.version, items, base?.isWhole ?? true);
    if (list.fits) return list;
    const some = fitting(items);
    this.left += items.length - some.length;
    return new ItemList(this.version, some, false);
  }

  private trim(): void {
    let total = 0;
    for (const { size } of this.lists.values()) total += size;
    for (const [name, { size }] of this.lists) {
      if (total <= LISTED_MAX || this.lists.size === 1) return;
      this.lists.delete(name);
      total -= size;
    }
  }
}
