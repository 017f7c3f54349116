import { parseIp } from '#api/ip.ts';
import { endpointOf, type PodFacts } from '#api/kinds/service/endpoints.ts';
import type { EndpointEntry, EndpointsItem, PeerItem, PodItem, ServiceItem } from '#api/link/items.ts';
import { changedKeys } from '../document-changes.ts';
import type { Documents } from '../ledger/ledger.ts';
import type { KnownEndpoint, KnownService, ServiceView } from './service-view.ts';

/**
 * What this node knows of services, kept up piece by piece: the documents', its own pods' and the ways to its peers. A change costs the services it touches;
 * the others keep their very values, so that whoever makes something of a view can do it by service.
 */
export type PeerPath =
  /** It answers at its address, and its pods are routed to. */
  | 'found'
  /** Nothing is known yet, or this node itself hears nobody. */
  | 'unknown'
  /** It does not answer while others do, or another machine does: its endpoints are out. */
  | 'none';

type Own = { readonly item: PodItem; readonly facts: PodFacts; readonly services: Set<string> };

const EMPTY: Documents = { items: new Map(), removalsAllowed: false };

export class ServiceModel {
  private readonly node: string;
  private documents = EMPTY;
  private readonly services = new Map<string, ServiceItem>();
  private readonly retained = new Set<string>();
  /** Namespace → services, by their names as below: `<namespace>/<name>`. */
  private readonly byNamespace = new Map<string, Set<string>>();
  private readonly remote = new Map<string, Map<string, EndpointsItem>>();
  /** Node → services with endpoints there. */
  private readonly byNode = new Map<string, Set<string>>();
  private readonly peers = new Map<string, PeerItem>();
  private paths: ReadonlyMap<string, PeerPath> = new Map();
  private readonly pods = new Map<string, Own>();
  private readonly own = new Map<string, Map<string, KnownEndpoint>>();
  /** In the order of a view. */
  private known = new Map<string, KnownService>();
  private readonly dirty = new Set<string>();
  private shown: ServiceView = { services: [] };

  constructor(node: string) {
    this.node = node;
  }

  setDocuments(documents: Documents): void {
    const before = this.documents;
    this.documents = documents;
    for (const key of changedKeys(before, documents)) {
      const { item, retained } = documents.items.get(key) ?? {};
      const was = before.items.get(key)?.item;
      if (key.startsWith('services/')) {
        const name = key.slice('services/'.length);
        if (retained === true) this.retained.add(name);
        else this.retained.delete(name);
        this.setService(name, item?.kind === 'Service' ? item : undefined);
      } else if (key.startsWith('endpoints/'))
        this.setEndpoints(key, item?.kind === 'Endpoints' ? item : undefined, was?.kind === 'Endpoints' ? was : undefined);
      else if (key.startsWith('peers/')) this.setPeer(key.slice('peers/'.length), item?.kind === 'Peer' ? item : undefined);
    }
  }

  /** Undefined: it is gone. */
  setPod(uid: string, item: PodItem | undefined, facts: PodFacts | undefined): void {
    const before = this.pods.get(uid);
    if (before !== undefined && before.item === item && facts !== undefined && isSame(before.facts, facts)) return;
    for (const name of before?.services ?? []) this.setOwn(name, uid, undefined);
    this.pods.delete(uid);
    if (item === undefined || facts === undefined) return;
    this.pods.set(uid, { item, facts, services: new Set() });
    for (const name of this.byNamespace.get(item.metadata.namespace) ?? []) this.match(name, uid);
  }

  podUids(): readonly string[] {
    return [...this.pods.keys()];
  }

  setPaths(paths: ReadonlyMap<string, PeerPath>): void {
    const before = this.paths;
    this.paths = paths;
    for (const node of new Set([...before.keys(), ...paths.keys()]))
      if (before.get(node) !== paths.get(node)) this.touchNode(node);
  }

  /** The same value as long as nothing has changed. */
  view(): ServiceView {
    if (this.dirty.size === 0) return this.shown;
    const { known } = this;
    let inOrder = true;
    for (const name of this.dirty) {
      const item = this.services.get(name);
      if (item === undefined) known.delete(name);
      else {
        inOrder &&= known.has(name);
        const retained = this.retained.has(name) ? ({ retained: true } as const) : {};
        known.set(name, { item, endpoints: this.endpointsOf(name), ...retained });
      }
    }
    this.dirty.clear();
    if (!inOrder) this.known = new Map([...known].toSorted(byName));
    this.shown = { services: [...this.known.values()] };
    return this.shown;
  }

  private setService(name: string, item: ServiceItem | undefined): void {
    const [namespace = ''] = name.split('/');
    const names = this.byNamespace.get(namespace) ?? new Set<string>();
    if (item === undefined) {
      this.services.delete(name);
      names.delete(name);
    } else {
      this.services.set(name, item);
      names.add(name);
    }
    if (names.size === 0) this.byNamespace.delete(namespace);
    else this.byNamespace.set(namespace, names);
    this.dirty.add(name);
    for (const [uid, { item: pod }] of this.pods) if (pod.metadata.namespace === namespace) this.match(name, uid);
  }

  private setEndpoints(key: string, item: EndpointsItem | undefined, was: EndpointsItem | undefined): void {
    for (const each of [was, item]) {
      if (each === undefined) continue;
      const name = `${each.metadata.namespace}/${each.metadata.name}`;
      const items = this.remote.get(name) ?? new Map<string, EndpointsItem>();
      if (each === item) items.set(key, withoutImpossible(each));
      else items.delete(key);
      if (items.size === 0) this.remote.delete(name);
      else this.remote.set(name, items);
      this.dirty.add(name);
      if (each.node === undefined) continue;
      const services = this.byNode.get(each.node) ?? new Set<string>();
      if ([...items.values()].some(({ node }) => node === each.node)) services.add(name);
      else services.delete(name);
      if (services.size === 0) this.byNode.delete(each.node);
      else this.byNode.set(each.node, services);
    }
  }

  private setPeer(node: string, item: PeerItem | undefined): void {
    if (item === undefined) this.peers.delete(node);
    else this.peers.set(node, item);
    this.touchNode(node);
  }

  private touchNode(node: string): void {
    for (const name of this.byNode.get(node) ?? []) this.dirty.add(name);
  }

  private match(name: string, uid: string): void {
    const pod = this.pods.get(uid);
    const service = this.services.get(name);
    if (pod === undefined) return;
    const found = service && endpointOf(service, pod.item, pod.facts);
    if (found === undefined && this.own.get(name)?.has(uid) !== true) return;
    this.setOwn(name, uid, found && { ...entryOf(found), isLocal: true, isDoubtful: false });
    if (found === undefined) pod.services.delete(name);
    else pod.services.add(name);
  }

  private setOwn(name: string, uid: string, endpoint: KnownEndpoint | undefined): void {
    const own = this.own.get(name) ?? new Map<string, KnownEndpoint>();
    if (endpoint === undefined) own.delete(uid);
    else own.set(uid, endpoint);
    if (own.size === 0) this.own.delete(name);
    else this.own.set(name, own);
    this.dirty.add(name);
  }

  private endpointsOf(name: string): readonly KnownEndpoint[] {
    const remote = [...(this.remote.get(name)?.entries() ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return [...(this.own.get(name)?.values() ?? []), ...remote.flatMap(([, item]) => this.remoteOf(item))].toSorted((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
    );
  }

  private remoteOf({ node, endpoints }: EndpointsItem): readonly KnownEndpoint[] {
    // Made by hand: whoever made them knows the way, and where they are (kube-proxy: an endpoint is local to the node that it names).
    if (node === undefined) return endpoints.map((entry) => ({ ...entry, isLocal: entry.node === this.node, isDoubtful: false }));
    const peer = this.peers.get(node);
    const path = this.paths.get(node) ?? 'unknown';
    // A document made before this machine was this node, say: its own it derives itself.
    if (node === this.node || path === 'none') return [];
    if (peer?.silent === true) return endpoints.map((entry) => ({ ...asBeforeSilence(entry), isLocal: false, isDoubtful: true }));
    return endpoints.map((entry) => ({ ...entry, isLocal: false, isDoubtful: peer === undefined || path === 'unknown' }));
  }
}

const PORT_MAX = 65_535;

/** Hand-made slices may have ports of any number, as upstream's API takes them: for one that is none the kernel would refuse every service, and no message could say it. */
function withoutImpossible(item: EndpointsItem): EndpointsItem {
  const endpoints = item.endpoints.filter(({ address }) => parseIp(address)?.family === 4);
  return {
    ...item,
    endpoints: endpoints.map((entry) => ({ ...entry, ports: entry.ports.filter(({ port }) => port > 0 && port <= PORT_MAX) })),
  };
}

/** That a silent node's pods are not ready is the server's word for its own silence: nobody knows. */
function asBeforeSilence({ unready: _, notServing: __, ...entry }: EndpointEntry): EndpointEntry {
  return entry.terminating === true ? { ...entry, unready: true } : entry;
}

function entryOf({
  address,
  ports,
  ready,
  serving,
  terminating,
  hostname,
}: NonNullable<ReturnType<typeof endpointOf>>): EndpointEntry {
  return {
    address,
    ports: ports.map(({ name, protocol, port }) => ({ name, protocol, port })),
    ...(ready ? {} : { unready: true }),
    ...(serving ? {} : { notServing: true }),
    ...(terminating ? { terminating: true } : {}),
    ...(hostname === undefined ? {} : { hostname }),
  };
}

function isSame(a: PodFacts, b: PodFacts): boolean {
  return a.address === b.address && a.isReady === b.isReady && a.isTerminal === b.isTerminal;
}

type Entry = readonly [name: string, service: KnownService];

function byName(
  [
    ,
    {
      item: { metadata: a },
    },
  ]: Entry,
  [
    ,
    {
      item: { metadata: b },
    },
  ]: Entry,
): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
