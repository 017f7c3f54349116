import { networkOf, type LanAddress } from '#api/kinds/node-lan.ts';

/**
 * Which nodes name the same LAN: both ways, so that a change of one node finds those it concerns without a look at the others. Where more nodes name one
 * network than are in one LAN as a rule (sites that all have 192.168.1.0/24), those that name the same gateway are taken for one; who names none is shown
 * to all of them, and is shown all. Below that the network alone counts: the nodes of one LAN may go out by different gateways.
 */
export const LAN_NODES_MAX = 256;

type Lan = { readonly network: string; readonly gateways: readonly string[] };
type Sight = { readonly is: readonly string[]; readonly sees: readonly string[] };

const BLIND: Sight = { is: [], sees: [] };

export class LanIndex {
  private readonly nodesMax: number;
  private readonly lans = new Map<string, readonly Lan[]>();
  private readonly byNetwork = new Map<string, Set<string>>();
  private readonly sights = new Map<string, Sight>();
  private readonly byKey = new Map<string, Set<string>>();

  constructor(nodesMax: number) {
    this.nodesMax = nodesMax;
  }

  /** Gives the nodes that see others now, or are seen by others: it alone as a rule. */
  set(node: string, addresses: readonly LanAddress[]): readonly string[] {
    const lans = lansOf(addresses);
    const before = this.lans.get(node) ?? [];
    const touched = new Set([...before, ...lans].map(({ network }) => network));
    const crowded = new Set([...touched].filter((network) => this.isCrowded(network)));
    for (const { network } of before) remove(this.byNetwork, network, node);
    for (const { network } of lans) add(this.byNetwork, network, node);
    if (lans.length === 0) this.lans.delete(node);
    else this.lans.set(node, lans);
    const turned = [...touched].filter((network) => crowded.has(network) !== this.isCrowded(network));
    const concerned = new Set([node, ...turned.flatMap((network) => [...(this.byNetwork.get(network) ?? [])])]);
    return [...concerned].filter((each) => this.look(each));
  }

  /** By what its items are kept; sorted. */
  sightOf(node: string): readonly string[] {
    return (this.sights.get(node) ?? BLIND).sees;
  }

  isIn(node: string, sight: readonly string[]): boolean {
    return (this.sights.get(node) ?? BLIND).is.some((key) => sight.includes(key));
  }

  /** Nodes that it sees, and that see it, but not itself. */
  neighboursOf(node: string): ReadonlySet<string> {
    const found = this.nodesIn(this.sightOf(node));
    found.delete(node);
    return found;
  }

  nodesIn(sight: readonly string[]): Set<string> {
    return new Set(sight.flatMap((key) => [...(this.byKey.get(key) ?? [])]));
  }

  clear(): void {
    for (const map of [this.lans, this.byNetwork, this.sights, this.byKey]) map.clear();
  }

  private isCrowded(network: string): boolean {
    return (this.byNetwork.get(network)?.size ?? 0) > this.nodesMax;
  }

  /** True if its sight is another now. */
  private look(node: string): boolean {
    const before = this.sights.get(node) ?? BLIND;
    const parts = (this.lans.get(node) ?? []).map((lan) => this.sightIn(lan));
    const sight = { is: parts.flatMap(({ is }) => is), sees: parts.flatMap(({ sees }) => sees).toSorted() };
    if (before.is.join() === sight.is.join() && before.sees.join() === sight.sees.join()) return false;
    for (const key of before.is) remove(this.byKey, key, node);
    for (const key of sight.is) add(this.byKey, key, node);
    if (parts.length === 0) this.sights.delete(node);
    else this.sights.set(node, sight);
    return true;
  }

  private sightIn({ network, gateways }: Lan): Sight {
    if (!this.isCrowded(network)) return { is: [network], sees: [network] };
    const [all, none] = [`${network} all`, `${network} none`];
    if (gateways.length === 0) return { is: [all, none], sees: [all] };
    const behind = gateways.map((mac) => `${network} ${mac}`);
    return { is: [all, ...behind], sees: [none, ...behind] };
  }
}

function lansOf(addresses: readonly LanAddress[]): readonly Lan[] {
  const networks = [...new Set(addresses.flatMap((address) => networkOf(address) ?? []))].toSorted();
  return networks.map((network) => {
    const gateways = addresses.filter((address) => networkOf(address) === network).flatMap((address) => address.gateways);
    return { network, gateways: [...new Set(gateways)] };
  });
}

function add(map: Map<string, Set<string>>, key: string, node: string): void {
  map.set(key, (map.get(key) ?? new Set<string>()).add(node));
}

function remove(map: Map<string, Set<string>>, key: string, node: string): void {
  const nodes = map.get(key);
  nodes?.delete(node);
  if (nodes?.size === 0) map.delete(key);
}
