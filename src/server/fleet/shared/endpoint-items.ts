import {
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  endpointSliceResource,
  type Endpoint,
  type EndpointSlice,
} from '#api/kinds/endpoint-slice.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { EndpointEntry, EndpointsItem } from '#api/link/items.ts';
import type { KubeObject } from '#api/object.ts';
import { SLICE_MANAGER } from '../../controllers/service/endpoint-slice.ts';

/**
 * The endpoints of one Service out of all its EndpointSlices, whoever wrote them: an item for each node that its pods are on, and one for each slice that others
 * wrote: what those name as the node derives them from no pod. IPv4 only.
 */
export const SLICES = endpointSliceResource.id;

/** Of one item: what a service has more of on one node is left out. */
export const ENDPOINTS_MAX = 1_000;

/** `<namespace>/<service>` that the slice is of. */
export function serviceOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL] ?? '';
  return name === '' ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** Of one Service, kept up slice by slice: a change of one costs what is in that one. */
export class EndpointItems {
  private readonly service: string;
  private readonly groups = new Map<string, Group>();
  /** By slice: where it has endpoints. */
  private readonly keys = new Map<string, ReadonlySet<string>>();

  constructor(service: string) {
    this.service = service;
  }

  /** There are no slices. */
  get isEmpty(): boolean {
    return this.keys.size === 0;
  }

  /** A slice as it is now, or undefined where it is gone; gives the items, by key of the index, that may be other than they were. */
  take(slice: string, object: KubeObject | undefined): ReadonlyMap<string, EndpointsItem | undefined> {
    const before = this.keys.get(slice) ?? new Set<string>();
    for (const key of before) this.groups.get(key)?.entries.delete(slice);
    const after = object === undefined ? new Set<string>() : this.add(slice, object);
    if (object === undefined) this.keys.delete(slice);
    else this.keys.set(slice, after);
    return new Map([...before.union(after)].map((key) => [key, this.itemOf(key)]));
  }

  private add(slice: string, object: KubeObject): ReadonlySet<string> {
    const keys = new Set<string>();
    // Stored slices were decoded against their schema.
    const { metadata, addressType, endpoints = [], ports } = object as EndpointSlice;
    const areOfPods = metadata.labels?.[MANAGED_BY_LABEL] === SLICE_MANAGER;
    for (const { nodeName = '', ...endpoint } of addressType === 'IPv4' ? endpoints : []) {
      const node = areOfPods && nodeName !== '' ? nodeName : undefined;
      const known = entryOf(endpoint, ports);
      if (known === undefined) continue;
      const entry = node === undefined && nodeName !== '' ? { ...known, node: nodeName } : known;
      const key = `endpoints/${this.service}/${node ?? `~${slice}`}`;
      const group = this.groups.get(key) ?? { node, entries: new Map<string, EndpointEntry[]>() };
      this.groups.set(key, group);
      const entries = group.entries.get(slice) ?? [];
      group.entries.set(slice, entries);
      entries.push(entry);
      keys.add(key);
    }
    return keys;
  }

  private itemOf(key: string): EndpointsItem | undefined {
    const group = this.groups.get(key);
    if (group === undefined || group.entries.size === 0) {
      this.groups.delete(key);
      return undefined;
    }
    const { node, entries } = group;
    const [namespace = '', name = ''] = this.service.split('/');
    const endpoints = sorted([...entries.values()].flat());
    return { kind: 'Endpoints', metadata: { namespace, name }, ...(node === undefined ? {} : { node }), endpoints };
  }
}

/** What is at one place: entries by the slice they come from. */
type Group = { readonly node: string | undefined; readonly entries: Map<string, EndpointEntry[]> };

/** Of an endpoint's addresses the first counts, as kube-proxy has it. What nobody has said counts as ready, and as serving where it is ready. */
function entryOf(
  { addresses, hostname = '', conditions = {} }: Endpoint,
  ports: EndpointSlice['ports'] = [],
): EndpointEntry | undefined {
  const [address] = addresses;
  if (address === undefined) return undefined;
  const { ready = true, terminating = false } = conditions;
  const { serving = ready } = conditions;
  return {
    address,
    // A slice's port without a number means all of them, which nothing here can lead to.
    ports: ports.flatMap(({ name = '', protocol, port }) =>
      port === undefined ? [] : [{ name, protocol: protocolOf(protocol), port }],
    ),
    ...(ready ? {} : { unready: true }),
    ...(serving ? {} : { notServing: true }),
    ...(terminating ? { terminating: true } : {}),
    ...(hostname === '' ? {} : { hostname }),
  };
}

function protocolOf(text: string | undefined): 'TCP' | 'UDP' | 'SCTP' {
  return text === 'UDP' || text === 'SCTP' ? text : 'TCP';
}

/** In one order, however the slices were cut, so that an item changes only where an endpoint does. */
function sorted(entries: readonly EndpointEntry[]): readonly EndpointEntry[] {
  const byText = new Map(entries.map((entry) => [canonicalText(entry), entry]));
  return [...byText]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, ENDPOINTS_MAX)
    .map(([, entry]) => entry);
}
