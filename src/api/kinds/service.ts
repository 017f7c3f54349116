/** Services: the row. Which cluster IP and node port one gets is an allocator's affair; the row only says which it claims. */
import type { Service } from '../generated/types.ts';
import { defineResource, type Cell, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, formatLabels, NAME_COLUMN, NONE, orNone, wideColumn } from './columns.ts';
import { defaultService } from './service/defaults.ts';
import { validateServiceUpdate } from './service/validate-addresses.ts';
import { validateService } from './service/validate.ts';
import { validateServiceStatus } from './service/validate-status.ts';
import { prepareServiceForCreate, prepareServiceForUpdate } from './service/prepare.ts';

export type { Service, ServicePort, ServiceSpec, ServiceStatus } from '../generated/types.ts';
export { hasNodePorts, isHeadless, isOwnLoadBalancer, needsClusterIp } from './service/traits.ts';

export const serviceResource: Resource = defineResource<Service>({
  id: 'services',
  group: '',
  plural: 'services',
  singular: 'service',
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Service' }],
  fields: { 'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '', 'spec.type': ({ spec }) => spec?.type ?? '' },
  columns: [
    NAME_COLUMN,
    column('Type', 'string', 'ClusterIP, NodePort, LoadBalancer or ExternalName.'),
    column('Cluster-IP', 'string', 'Its address inside the cluster.'),
    column('External-IP', 'string', 'Its addresses outside the cluster.'),
    column('Port(s)', 'string', 'Its ports, with the port of each node where there is one.'),
    AGE_COLUMN,
    wideColumn('Selector', 'string', 'Labels of the pods that it leads to.'),
  ],
  cells: serviceCells,
  subresources: { status: { type: 'status' } },
  strategy: {
    default: defaultService,
    prepareForCreate: prepareServiceForCreate,
    prepareForUpdate: prepareServiceForUpdate,
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    validateStatusUpdate: validateServiceStatus,
    nameRule: 'service',
    createOnUpdate: true,
    claims: serviceClaims,
  },
});

/** A number is claimed as TCP's whatever protocols use it, so that of two services that ask for it at once one is refused. */
function serviceClaims({ spec }: Service): readonly string[] {
  const addresses = (spec?.clusterIPs ?? []).filter((ip) => ip !== '' && ip !== 'None');
  const ports = (spec?.ports ?? []).flatMap(({ nodePort = 0, protocol = 'TCP' }) =>
    nodePort === 0 ? [] : [`node-port/${nodePort}/TCP`, `node-port/${nodePort}/${protocol}`],
  );
  const check = spec?.healthCheckNodePort ?? 0;
  return [
    ...new Set([...addresses.map((ip) => `cluster-ip/${ip}`), ...ports, ...(check === 0 ? [] : [`node-port/${check}/TCP`])]),
  ];
}

function serviceCells(service: Service, now: number): readonly Cell[] {
  const { metadata, spec } = service;
  return [
    metadata.name ?? '',
    spec?.type ?? '',
    orNone(spec?.clusterIPs?.[0] ?? spec?.clusterIP),
    externalText(service),
    orNone((spec?.ports ?? []).map(portText).join(',')),
    age(metadata.creationTimestamp, now),
    formatLabels(spec?.selector),
  ];
}

function externalText({ spec, status }: Service): string {
  const external = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(external.join(','));
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '', hostname = '' }) => {
        const name = ip === '' ? hostname : ip;
        return name === '' ? [] : [name];
      });
      const all = [...[...new Set(given)].toSorted(), ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? NONE;
    default:
      return '<unknown>';
  }
}

function portText({ port, nodePort = 0, protocol = 'TCP' }: NonNullable<NonNullable<Service['spec']>['ports']>[number]): string {
  return nodePort === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`;
}
