import { expect, test } from 'vitest';
import { podItem } from '../../../test/support/fake-node.ts';
import { documentsOf } from '../../../test/support/memory-ledger.ts';
import type { ServiceItem } from '#api/link/items.ts';
import { specHash } from '../plan/spec-hash.ts';
import { environmentOf } from './environment.ts';
import { serviceVariables } from './service-variables.ts';

function service(name: string, clusterIP: string, ports: ServiceItem['spec']['ports'], namespace = 'default'): ServiceItem {
  return { kind: 'Service', metadata: { namespace, name }, spec: { type: 'ClusterIP', clusterIP, ports: ports ?? [] } };
}

const API = service('kubernetes', '10.96.0.1', [{ name: 'https', port: 443, protocol: 'TCP' }]);
const DB = service('my-db', '10.96.0.7', [
  { name: 'sql', port: 5432, protocol: 'TCP' },
  { name: 'stats-x', port: 8125, protocol: 'UDP' },
]);
const OTHERS = [
  service('headless', 'None', [{ port: 1 }]),
  service('none-yet', '', [{ port: 1 }]),
  service('far', '10.96.0.9', [{ port: 1 }], 'elsewhere'),
];
const API_LINES = [
  'KUBERNETES_SERVICE_HOST=10.96.0.1',
  'KUBERNETES_SERVICE_PORT=443',
  'KUBERNETES_PORT=tcp://10.96.0.1:443',
  'KUBERNETES_SERVICE_PORT_HTTPS=443',
  'KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443',
  'KUBERNETES_PORT_443_TCP_PROTO=tcp',
  'KUBERNETES_PORT_443_TCP_PORT=443',
  'KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1',
];
const DB_LINES = [
  'MY_DB_SERVICE_HOST=10.96.0.7',
  'MY_DB_SERVICE_PORT=5432',
  'MY_DB_PORT=tcp://10.96.0.7:5432',
  'MY_DB_SERVICE_PORT_SQL=5432',
  'MY_DB_PORT_5432_TCP=tcp://10.96.0.7:5432',
  'MY_DB_PORT_5432_TCP_PROTO=tcp',
  'MY_DB_PORT_5432_TCP_PORT=5432',
  'MY_DB_PORT_5432_TCP_ADDR=10.96.0.7',
  'MY_DB_SERVICE_PORT_STATS_X=8125',
  'MY_DB_PORT_8125_UDP=udp://10.96.0.7:8125',
  'MY_DB_PORT_8125_UDP_PROTO=udp',
  'MY_DB_PORT_8125_UDP_PORT=8125',
  'MY_DB_PORT_8125_UDP_ADDR=10.96.0.7',
];

function checkVariables(spec: object, services: readonly ServiceItem[], expected: readonly string[]): void {
  const variables = serviceVariables(podItem('web', { spec }), documentsOf(services));
  expect([...variables].map(([name, value]) => `${name}=${value}`)).toEqual(expected);
}

test('a container is told of the API, and of the services of its namespace that have an address', () => {
  checkVariables({}, [DB, API, ...OTHERS], [...API_LINES, ...DB_LINES]);
  checkVariables({ enableServiceLinks: true }, [DB, API], [...API_LINES, ...DB_LINES]);
  checkVariables({ enableServiceLinks: false }, [DB, API, ...OTHERS], API_LINES);
  checkVariables({}, [], []);
});

test('what the pod sets itself counts, and may refer to them; a new service changes no hash', () => {
  const env = [
    { name: 'MY_DB_SERVICE_HOST', value: 'own' },
    { name: 'URL', value: 'http://$(KUBERNETES_SERVICE_HOST)/' },
  ];
  const item = podItem('web', { containers: [{ env }] });
  const facts = { address: '', hostAddress: '', nodeName: '', allocatable: { cpuMilli: 1, memoryBytes: 1, storageBytes: 1 } };
  const [container = { name: '' }] = item.spec.containers;
  const values = environmentOf(item, container, documentsOf([API, DB]), facts);
  expect([values.get('MY_DB_SERVICE_HOST'), values.get('URL')]).toEqual(['own', 'http://10.96.0.1/']);
  expect(specHash(container)).toBe(specHash({ ...container, env: [] }));
});
