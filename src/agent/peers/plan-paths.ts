import { contains, parseCidr, parseIp } from '#api/ip.ts';
import type { PeerItem } from '#api/link/items.ts';
import type { Asked, LanRoute } from '#net/routes/lan-routes.ts';
import type { LanLook, Neighbour } from '#net/routes/parse-look.ts';
import type { PeerPath } from '../services/service-model.ts';

/**
 * Which peers this node has a way to, and the routes to their pods: only where ARP answers with the MAC that the peer has reported, since two sites may have the
 * same LAN. Pure.
 */
export type PathPlan = {
  readonly paths: ReadonlyMap<string, PeerPath>;
  /** What stands once `gone` is gone and `made` is made. */
  readonly routes: readonly LanRoute[];
  readonly gone: readonly LanRoute[];
  readonly made: readonly LanRoute[];
};

type Place = {
  readonly address: string;
  readonly mac: string;
  readonly device: string;
  readonly neighbour: Neighbour | undefined;
};

/** Whom to ask before it can be planned: each peer where it says it is, and the gateways, by which a node sees that it is not cut off itself. */
export function whomToAsk(peers: readonly PeerItem[], look: LanLook): readonly Asked[] {
  const asked = [...peers.flatMap((peer) => placesOf(peer, look)), ...look.gateways].map(({ address, device }) => {
    const neighbour = neighbourOf(look, address, device);
    return { address, device, isKnown: neighbour !== undefined && neighbour.mac !== '' && neighbour.state !== 'silent' };
  });
  return [...new Map(asked.map((each) => [`${each.address} ${each.device}`, each])).values()];
}

/** True once nothing that was asked is still open. */
export function isSettled(asked: readonly Asked[], look: LanLook): boolean {
  return asked.every(({ address, device }) => {
    const state = neighbourOf(look, address, device)?.state;
    return state === 'answers' || state === 'silent';
  });
}

/** `look`: after what was asked has come to rest, or was waited for long enough. */
export function planPaths(peers: readonly PeerItem[], asked: readonly Asked[], look: LanLook): PathPlan {
  const answering = new Set(
    asked.filter(({ address, device }) => neighbourOf(look, address, device)?.state === 'answers').map(({ device }) => device),
  );
  const paths = new Map<string, PeerPath>();
  const wanted = new Map<string, LanRoute>();
  for (const peer of peers) {
    const { podCIDR: cidr } = peer;
    const standing = look.routes.find((route) => route.cidr === cidr);
    const places = placesOf(peer, look);
    const found = places.find(({ neighbour, mac }) => neighbour?.state === 'answers' && neighbour.mac === mac);
    paths.set(peer.metadata.name, found === undefined ? withoutAnswer(places, look, answering) : 'found');
    if (found !== undefined) wanted.set(cidr, { cidr, via: found.address, device: found.device });
    // Silence is no reason to send its pods' packets elsewhere; another machine at its address is.
    else if (standing !== undefined && isStillItsPlace(standing, places, look)) wanted.set(cidr, standing);
  }
  const isWanted = (route: LanRoute) => isSame(route, wanted.get(route.cidr));
  return {
    paths,
    routes: [...wanted.values()],
    gone: look.routes.filter((route) => !isWanted(route)),
    made: [...wanted.values()].filter((route) => !look.routes.some((standing) => isSame(standing, route))),
  };
}

function withoutAnswer(places: readonly Place[], look: LanLook, answering: ReadonlySet<string>): PeerPath {
  // Without a network of its own a node can say nothing about others.
  if (places.length === 0) return look.addresses.some(({ device }) => answering.has(device)) ? 'none' : 'unknown';
  return places.every(({ neighbour, mac, device }) => {
    if (neighbour?.state === 'answers') return neighbour.mac !== mac;
    return neighbour?.state === 'silent' && answering.has(device);
  })
    ? 'none'
    : 'unknown';
}

function isStillItsPlace({ via, device }: LanRoute, places: readonly Place[], look: LanLook): boolean {
  const place = places.find((each) => each.address === via && each.device === device);
  // Its cable is out: the way comes back with it.
  if (place === undefined) return !look.addresses.some((each) => each.device === device);
  return place.neighbour?.state !== 'answers' || place.neighbour.mac === place.mac;
}

/** Where it would be: its addresses in networks that this node is in. */
function placesOf(peer: PeerItem, look: LanLook): readonly Place[] {
  return peer.addresses.flatMap(({ address, mac }) => {
    const parsed = parseIp(address);
    return look.addresses.flatMap((own) => {
      const network = parseCidr(`${own.address}/${own.prefix}`);
      if (parsed === undefined || network === undefined || own.address === address || !contains(network, parsed)) return [];
      return [{ address, mac: mac.toLowerCase(), device: own.device, neighbour: neighbourOf(look, address, own.device) }];
    });
  });
}

function neighbourOf({ neighbours }: LanLook, address: string, device: string): Neighbour | undefined {
  return neighbours.find((each) => each.address === address && each.device === device);
}

function isSame(a: LanRoute, b: LanRoute | undefined): boolean {
  return b !== undefined && a.cidr === b.cidr && a.via === b.via && a.device === b.device;
}
