/** Endpoints: the row. The older form of EndpointSlices: one object a service, which upstream has deprecated and tools still read. */
import type { CoreEndpointPort, Endpoints, EndpointSubset } from '../generated/types.ts';
import { parseIp } from '../ip.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { orDefault } from './blank.ts';
import { asGiven } from './check.ts';
import { AGE_COLUMN, column, NAME_COLUMN, NONE } from './columns.ts';
import { validateEndpoints } from './endpoints/validate-endpoints.ts';

export type { CoreEndpointPort, EndpointAddress, Endpoints, EndpointSubset } from '../generated/types.ts';

const SHOWN_MAX = 3;

export const endpointsResource: Resource = defineResource<Endpoints>({
  id: 'endpoints',
  group: '',
  plural: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  shortNames: ['ep'],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Endpoints' }],
  fields: {},
  columns: [NAME_COLUMN, column('Endpoints', 'string', 'Addresses and ports that are ready.'), AGE_COLUMN],
  cells: ({ metadata, subsets = [] }, now) => [
    metadata.name ?? '',
    subsets.length === 0 ? NONE : firstOf(subsets.flatMap(placesOf)),
    age(metadata.creationTimestamp, now),
  ],
  subresources: {},
  strategy: { default: defaultEndpoints, validate: validateEndpoints, createOnUpdate: true },
});

/** Each address at each port; a headless service may have none. */
function placesOf({ addresses = [], ports = [] }: EndpointSubset): readonly string[] {
  if (ports.length === 0) return addresses.map((address) => asGiven(address).ip ?? '');
  return ports.flatMap(({ port }) => addresses.map((address) => `${hostOf(asGiven(address).ip ?? '')}:${port}`));
}

const hostOf = (ip: string): string => (parseIp(ip)?.family === 6 ? `[${ip}]` : ip);

/** Upstream's way to say that there are more. */
function firstOf(texts: readonly string[]): string {
  const shown = texts.slice(0, SHOWN_MAX).join(',');
  return texts.length > SHOWN_MAX ? `${shown} + ${texts.length - SHOWN_MAX} more...` : shown;
}

function defaultEndpoints(endpoints: Endpoints): Endpoints {
  if (endpoints.subsets === undefined) return endpoints;
  return { ...endpoints, subsets: endpoints.subsets.map(defaultSubset) };
}

function defaultSubset(subset: EndpointSubset): EndpointSubset {
  return subset.ports === undefined ? subset : { ...subset, ports: subset.ports.map(defaultPort) };
}

function defaultPort(port: CoreEndpointPort): CoreEndpointPort {
  return { ...port, protocol: orDefault(port.protocol, 'TCP') };
}
