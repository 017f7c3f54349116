import type { Service } from '#api/kinds/service.ts';
import type { ServiceItem } from '#api/link/items.ts';

/**
 * What of a Service a node gets to see: fields as they are stored, never defaulted here (see ../items.ts), and its addresses outside the cluster.
 * Which fields are in is part of the wire: another one changes each item that has it, and nodes fetch those anew after an upgrade.
 */
export function serviceItem({ metadata, spec, status }: Service): ServiceItem {
  const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) => (ip === '' ? [] : [ip]));
  const {
    type,
    clusterIP,
    ports,
    selector,
    sessionAffinity,
    sessionAffinityConfig,
    internalTrafficPolicy,
    externalTrafficPolicy,
    healthCheckNodePort,
    publishNotReadyAddresses,
    externalName,
  } = spec ?? {};
  return {
    kind: 'Service',
    metadata: { namespace: metadata.namespace ?? '', name: metadata.name ?? '' },
    spec: {
      ...(type === undefined ? {} : { type }),
      ...(clusterIP === undefined ? {} : { clusterIP }),
      ...(ports === undefined ? {} : { ports }),
      ...(selector === undefined ? {} : { selector }),
      ...(sessionAffinity === undefined ? {} : { sessionAffinity }),
      ...(sessionAffinityConfig === undefined ? {} : { sessionAffinityConfig }),
      ...(internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy }),
      ...(externalTrafficPolicy === undefined ? {} : { externalTrafficPolicy }),
      ...(healthCheckNodePort === undefined ? {} : { healthCheckNodePort }),
      ...(publishNotReadyAddresses === undefined ? {} : { publishNotReadyAddresses }),
      ...(externalName === undefined ? {} : { externalName }),
    },
    ...(addresses.length === 0 ? {} : { addresses: [...new Set(addresses)].toSorted() }),
  };
}
