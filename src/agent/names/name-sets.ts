import { exactlyEqual } from '#api/equal.ts';
import type { NameSet, RecordGroup, Zone } from '#net/dns/record.ts';
import type { KnownService, ServiceView } from '../services/service-view.ts';
import { reverseZones } from './reverse-names.ts';
import { serviceRecords } from './service-records.ts';

/** What a node's name server knows: the names of the cluster, made of a view of its services. Services that are as before keep their records, so that one that changed costs little. */
export type ClusterNames = {
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** Networks whose addresses are the cluster's. */
  readonly cidrs: readonly string[];
};

type Made = { readonly service: KnownService; readonly group: RecordGroup };

const SCHEMA_VERSION = '1.1.0';

/** Gives names anew for each view; it remembers what it gave last. */
export function createNameSets(): (view: ServiceView, cluster: ClusterNames) => NameSet {
  let made: ReadonlyMap<string, Made> = new Map();
  let zones: readonly Zone[] = [];
  let own: RecordGroup = [];
  let last: ClusterNames | undefined;
  return (view, cluster) => {
    const isSame = last !== undefined && exactlyEqual(last, cluster);
    if (!isSame) {
      zones = zonesOf(cluster);
      own = ownRecords(cluster);
      made = new Map();
      last = cluster;
    }
    made = new Map(
      view.services.map((service) => {
        const key = `${service.item.metadata.namespace}/${service.item.metadata.name}`;
        const before = made.get(key);
        const group =
          before !== undefined && isUnchanged(before.service, service)
            ? before.group
            : serviceRecords(service, cluster.clusterDomain);
        return [key, { service, group }];
      }),
    );
    return { zones, groups: new Map([['dns', own], ...[...made].map(([key, { group }]) => [key, group] as const)]) };
  };
}

function zonesOf({ clusterDomain, cidrs }: ClusterNames): readonly Zone[] {
  const reverse = [...new Set(cidrs.flatMap(reverseZones))];
  return [
    { name: clusterDomain, pods: `pod.${clusterDomain}` },
    ...reverse.map((name) => ({ name })),
    // Nobody else is to be asked for it (RFC 6761, 6.3).
    { name: 'localhost' },
  ];
}

function ownRecords({ clusterDomain }: ClusterNames): RecordGroup {
  return [
    { name: `dns-version.${clusterDomain}`, type: 'TXT', text: SCHEMA_VERSION },
    { name: 'localhost', type: 'A', address: '127.0.0.1' },
  ];
}

function isUnchanged(before: KnownService, after: KnownService): boolean {
  if (before === after) return true;
  return (
    (before.item === after.item || exactlyEqual(before.item, after.item)) &&
    (before.endpoints === after.endpoints || exactlyEqual(before.endpoints, after.endpoints))
  );
}
