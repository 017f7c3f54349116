import { SERVICE_NAME_LABEL, endpointSliceResource, type Endpoint, type EndpointSlice } from '#api/kinds/endpoint-slice.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { EndpointEntry, EndpointsItem } from '#api/link/items.ts';
import type { KubeObject } from '#api/object.ts';

/**
 * The endpoints of one Service out of all its EndpointSlices, whoever wrote them: an item for each node that they are on, and one for each slice whose
 * endpoints name no node. Pure. IPv4 only.
 */
export const SLICES = endpointSliceResource.id;

/** Of one item: what a service has more of on one node is left out. */
export const ENDPOINTS_MAX = 1_000;

/** `<namespace>/<service>` that the slice is of. */
export function serviceOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL] ?? '';
  return name === '' ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** By key of the index. */
export function endpointItems(service: string, slices: Iterable<KubeObject>): ReadonlyMap<string, EndpointsItem> {
  const groups = new Map<string, { readonly node: string | undefined; readonly entries: EndpointEntry[] }>();
  for (const object of slices) {
    // Stored slices were decoded against their schema.
    const slice = object as EndpointSlice;
    if (slice.addressType !== 'IPv4') continue;
    for (const endpoint of slice.endpoints ?? []) {
      const node = endpoint.nodeName === '' ? undefined : endpoint.nodeName;
      const key = `endpoints/${service}/${node ?? `~${slice.metadata.name ?? ''}`}`;
      const group = groups.get(key) ?? { node, entries: [] };
      groups.set(key, group);
      const entry = entryOf(endpoint, slice);
      if (entry !== undefined) group.entries.push(entry);
    }
  }
  const [namespace = '', name = ''] = service.split('/');
  return new Map(
    [...groups].flatMap(([key, { node, entries }]) => {
      const endpoints = sorted(entries);
      if (endpoints.length === 0) return [];
      return [
        [key, { kind: 'Endpoints', metadata: { namespace, name }, ...(node === undefined ? {} : { node }), endpoints }] as const,
      ];
    }),
  );
}

/** Of an endpoint's addresses the first counts, as kube-proxy has it. What nobody has said counts as ready, and as serving where it is ready. */
function entryOf(
  { addresses, hostname = '', conditions = {} }: Endpoint,
  { ports = [] }: EndpointSlice,
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
