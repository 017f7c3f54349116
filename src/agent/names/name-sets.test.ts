import { expect, test } from 'vitest';
import type { ServiceItem } from '#api/link/items.ts';
import type { DnsRecord } from '#net/dns/record.ts';
import type { KnownEndpoint, KnownService } from '../services/service-view.ts';
import { createNameSets } from './name-sets.ts';
import { reverseZones } from './reverse-names.ts';

const CLUSTER = { clusterDomain: 'c.test', cidrs: ['10.32.0.0/15', '10.96.0.0/16'] };

function service(name: string, spec: Partial<ServiceItem['spec']>, endpoints: readonly KnownEndpoint[] = []): KnownService {
  return { item: { kind: 'Service', metadata: { namespace: 'default', name }, spec: { type: 'ClusterIP', ...spec } }, endpoints };
}

function endpoint(address: string, more: Partial<KnownEndpoint> = {}): KnownEndpoint {
  const ports = [{ name: 'http', protocol: 'TCP', port: 8080 }] as const;
  return { address, ports, node: 'node-1', isLocal: true, isDoubtful: false, ...more };
}

function sentence(record: DnsRecord): string {
  const name = record.name.replace('.default.svc.c.test', '.').replace(/\.in-addr\.arpa$/, '.arpa');
  switch (record.type) {
    case 'A':
      return `${name} A ${record.address}`;
    case 'SRV':
      return `${name} SRV ${record.weight} ${record.port} ${record.target.replace('.default.svc.c.test', '.')}`;
    case 'TXT':
      return `${name} TXT ${record.text}`;
    default:
      return `${name} ${record.type} ${record.target.replace('.default.svc.c.test', '.')}`;
  }
}

function check(known: KnownService, expected: readonly string[]): void {
  const [, group = []] = createNameSets()({ services: [known] }, CLUSTER).groups;
  expect(group.map(sentence).toSorted()).toEqual([...expected].toSorted());
}

const HTTP = [{ name: 'http', port: 80, protocol: 'TCP' }];

test('a service with a cluster IP: its address, its named ports, its way back', () => {
  const ports = [...HTTP, { name: 'dns', port: 53, protocol: 'UDP' }];
  const of = { clusterIP: '10.96.0.10', ports };
  const records = [
    'web. A 10.96.0.10',
    '10.0.96.10.arpa PTR web.',
    '_http._tcp.web. SRV 100 80 web.',
    '_dns._udp.web. SRV 100 53 web.',
  ];
  check(service('web', of, [endpoint('10.32.0.5')]), records);
  // Pods that were given names have them here, too.
  check(service('web', of, [endpoint('10.32.0.5', { hostname: 'web-0' })]), [...records, 'web-0.web. A 10.32.0.5']);
  check(service('web', { clusterIP: '10.96.0.10', ports: [{ port: 80, protocol: 'TCP' }] }), records.slice(0, 2));
  // Not allotted yet.
  check(service('web', { clusterIP: '', ports }), []);
});

test('a headless service: its ready endpoints, by hostname or by address, for each named port', () => {
  const of = { clusterIP: 'None', ports: HTTP };
  check(
    service('db', of, [
      endpoint('10.32.0.5', { hostname: 'db-0' }),
      endpoint('10.32.0.6'),
      endpoint('10.32.0.7', { unready: true, hostname: 'db-2' }),
    ]),
    [
      'db. A 10.32.0.5',
      'db. A 10.32.0.6',
      'db-0.db. A 10.32.0.5',
      '10-32-0-6.db. A 10.32.0.6',
      '5.0.32.10.arpa PTR db-0.db.',
      '6.0.32.10.arpa PTR 10-32-0-6.db.',
      '_http._tcp.db. SRV 50 8080 db-0.db.',
      '_http._tcp.db. SRV 50 8080 10-32-0-6.db.',
    ],
  );
  check(service('db', of, [endpoint('10.32.0.7', { unready: true })]), []);
  check(
    service('db', { ...of, publishNotReadyAddresses: true }, [
      endpoint('10.32.0.7', { unready: true, hostname: 'db-2', ports: [] }),
    ]),
    ['db. A 10.32.0.7', 'db-2.db. A 10.32.0.7', '7.0.32.10.arpa PTR db-2.db.'],
  );
});

test('endpoints on silent nodes are named where there is no other', () => {
  const of = { clusterIP: 'None', ports: [] };
  const silent = { isDoubtful: true, ports: [] };
  check(
    service('db', of, [
      endpoint('10.32.0.5', { ports: [], hostname: 'db-0' }),
      endpoint('10.32.0.6', { ...silent, hostname: 'db-1' }),
    ]),
    ['db. A 10.32.0.5', 'db-0.db. A 10.32.0.5', '5.0.32.10.arpa PTR db-0.db.', 'db-1.db. A 10.32.0.6'],
  );
  check(service('db', of, [endpoint('10.32.0.6', silent)]), [
    'db. A 10.32.0.6',
    '10-32-0-6.db. A 10.32.0.6',
    '6.0.32.10.arpa PTR 10-32-0-6.db.',
  ]);
});

test('an external name is an alias', () => {
  check(service('out', { type: 'ExternalName', externalName: 'www.example.com' }), ['out. CNAME www.example.com']);
});

test('zones: the domain, and the way back of each network, cut where numbers end', () => {
  const { zones, groups } = createNameSets()({ services: [] }, CLUSTER);
  expect(zones.map(({ name, pods }) => (pods === undefined ? name : `${name} (${pods})`))).toEqual([
    'c.test (pod.c.test)',
    '32.10.in-addr.arpa',
    '33.10.in-addr.arpa',
    '96.10.in-addr.arpa',
    'localhost',
  ]);
  expect(groups[0]?.map(sentence)).toEqual(['dns-version.c.test TXT 1.1.0', 'localhost A 127.0.0.1']);
  expect(reverseZones('10.32.0.0/11')).toHaveLength(32);
  expect(reverseZones('192.168.4.0/23')).toEqual(['4.168.192.in-addr.arpa', '5.168.192.in-addr.arpa']);
  expect(reverseZones('10.1.2.3/32')).toEqual(['3.2.1.10.in-addr.arpa']);
  expect([reverseZones('fd00::/8'), reverseZones('0.0.0.0/0'), reverseZones('nonsense')]).toEqual([[], [], []]);
});

test('services that are as before keep their records', () => {
  const make = createNameSets();
  const services = Array.from({ length: 50 }, (_, at) =>
    service(`s${at}`, { clusterIP: `10.96.1.${at}` }, [endpoint('10.32.0.5')]),
  );
  const before = make({ services }, CLUSTER);
  const changed = services.with(7, service('s7', { clusterIP: '10.96.2.7' }));
  const after = make({ services: changed }, CLUSTER);
  expect(after.groups.filter((group) => !before.groups.includes(group)).map(([record]) => record?.name)).toEqual([
    's7.default.svc.c.test',
  ]);
  expect(after.zones).toBe(before.zones);
});
