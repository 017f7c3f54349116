/** EndpointSlices (discovery.k8s.io): the row, and the labels by which slices, their services and their writers are known. */
import type { DiscoveryEndpointPort, EndpointSlice } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { orDefault } from './blank.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './endpoints/validate-endpoint-slice.ts';

export type { DiscoveryEndpointPort, Endpoint, EndpointConditions, EndpointSlice } from '../generated/types.ts';

/** The service that a slice's endpoints are of. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Who writes a slice; nobody else does. */
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

const SHOWN_MAX = 3;

export const endpointSliceResource: Resource = defineResource<EndpointSlice>({
  id: 'endpointslices.discovery.k8s.io',
  group: 'discovery.k8s.io',
  plural: 'endpointslices',
  singular: 'endpointslice',
  kind: 'EndpointSlice',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.discovery.v1.EndpointSlice' }],
  fields: {},
  columns: [
    NAME_COLUMN,
    column('AddressType', 'string', 'What its addresses are.'),
    column('Ports', 'string', 'The ports of each of its endpoints.'),
    column('Endpoints', 'string', 'The addresses of its endpoints, ready or not.'),
    AGE_COLUMN,
  ],
  cells: (slice, now) => [
    slice.metadata.name ?? '',
    slice.addressType ?? '',
    firstOf((slice.ports ?? []).map(({ name = '', port }) => (port === undefined ? (name === '' ? '*' : name) : String(port)))),
    firstOf((slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
    age(slice.metadata.creationTimestamp, now),
  ],
  subresources: {},
  strategy: {
    default: defaultSlice,
    validate: validateEndpointSlice,
    validateUpdate: validateEndpointSliceUpdate,
    generation: 'object',
  },
});

/** Upstream's way to say that there are more, or none. */
function firstOf(texts: readonly string[]): string {
  const shown = texts.slice(0, SHOWN_MAX).join(',');
  if (texts.length > SHOWN_MAX) return `${shown} + ${texts.length - SHOWN_MAX} more...`;
  return shown === '' ? '<unset>' : shown;
}

/** pkg/apis/discovery/v1/defaults.go. Conditions are no pointer in Go's types: they are always there. */
function defaultSlice(slice: EndpointSlice): EndpointSlice {
  const { endpoints, ports } = slice;
  return {
    ...slice,
    // Both lists are always there: upstream writes null for none.
    endpoints: (endpoints ?? []).map((endpoint) => ({ ...endpoint, conditions: endpoint.conditions ?? {} })),
    ports: (ports ?? []).map(defaultPort),
  };
}

function defaultPort(port: DiscoveryEndpointPort): DiscoveryEndpointPort {
  return { ...port, name: port.name ?? '', protocol: orDefault(port.protocol, 'TCP') };
}
