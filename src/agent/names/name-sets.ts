import { remember } from '#lib/remember.ts';
import type { NameSet, RecordGroup, Zone } from '#net/dns/record.ts';
import type { KnownService, ServiceView } from '../services/service-view.ts';
import { reverseZones } from './reverse-names.ts';
import { serviceRecords } from './service-records.ts';

/** What a node's name server knows: the names of the cluster, made of a view of its services. Services that are the same value as before keep their records, so that one that changed costs little. */
export type ClusterNames = {
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** Networks whose addresses are the cluster's. */
  readonly cidrs: readonly string[];
};

const SCHEMA_VERSION = '1.1.0';

/** Gives names anew for each view; it remembers what it made of each service, and of the cluster (by identity). */
export function createNameSets(): (view: ServiceView, cluster: ClusterNames) => NameSet {
  const recordsOf = remember<KnownService, string, RecordGroup>(serviceRecords);
  const ownOf = remember((cluster: ClusterNames) => ({ zones: zonesOf(cluster), records: ownRecords(cluster) }));
  return (view, cluster) => {
    const { zones, records } = ownOf(cluster, undefined);
    return { zones, groups: [records, ...view.services.map((service) => recordsOf(service, cluster.clusterDomain))] };
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
