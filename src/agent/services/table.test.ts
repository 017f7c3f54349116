import { expect, test } from 'vitest';
import type { ServiceItem } from '#api/link/items.ts';
import type { KnownEndpoint, KnownService } from './service-view.ts';
import { createTableMaker, type Refusal, type TableContext } from './table.ts';

const CONTEXT: TableContext = {
  serviceCidr: '10.96.0.0/16',
  clusterCidr: '10.32.0.0/11',
  podCidr: '10.32.0.0/25',
  address: '169.254.20.10',
  redirects: [],
  untracked: [],
  api: { address: '169.254.20.10', port: 6444 },
  ownAddresses: new Set(['192.168.1.5']),
  taken: new Map([
    ['tcp/8080', 'somebody listens there'],
    ['udp/53', 'somebody listens there'],
  ]),
};

function endpoint(address: string, more: Partial<KnownEndpoint> = {}): KnownEndpoint {
  const ports = [{ name: '', protocol: 'TCP', port: 9000 } as const, { name: 'dns', protocol: 'UDP', port: 5353 } as const];
  return { address, ports, node: 'n', isLocal: false, isDoubtful: false, ...more };
}

function service(name: string, spec: ServiceItem['spec'], more: Partial<ServiceItem> = {}): KnownService {
  return {
    item: { kind: 'Service', metadata: { namespace: 'default', name }, spec: { clusterIP: '10.96.0.7', ...spec }, ...more },
    endpoints: [endpoint('10.32.0.2', { isLocal: true }), endpoint('10.32.1.2'), endpoint('10.32.1.3', { unready: true })],
  };
}

/** As lines: where, the cluster's way, then the outside's; then what is refused. */
function check(services: readonly KnownService[], expected: readonly string[], more: Partial<TableContext> = {}): void {
  const { table, refusals } = createTableMaker()({ services }, { ...CONTEXT, ...more });
  const text = (backends: readonly { readonly address: string; readonly port: number }[]) =>
    backends.map(({ address, port }) => `${address}:${port}`).join(',') || 'refused';
  expect([
    ...table.ports.map((port) =>
      [
        `${port.key} ${port.clusterIp}:${port.port}/${port.protocol} → ${text(port.internal)}`,
        ...(port.nodePort === undefined ? [] : [`node port ${port.nodePort}`]),
        ...port.externalIps.map((address) => `at ${address}`),
        ...(port.external.length === 0 ? [] : [`outside → ${text(port.external)}`]),
        ...(port.shortcut === undefined ? [] : [`but inside → ${text(port.shortcut)}`]),
        ...(port.affinitySeconds === undefined ? [] : [`affinity ${port.affinitySeconds} s`]),
      ].join('; '),
    ),
    ...refusals.map(({ namespace, name, message }) => `${namespace}/${name}: ${message}`),
  ]).toEqual(expected);
}

const TCP = { port: 80, protocol: 'TCP' } as const;

test('which ports lead where', () => {
  check([service('web', { ports: [TCP] })], ['default/web 10.96.0.7:80/tcp → 10.32.0.2:9000,10.32.1.2:9000']);
  check(
    [
      service('web', {
        ports: [
          { ...TCP, name: 'dns', protocol: 'UDP' },
          { ...TCP, protocol: 'SCTP' },
        ],
        sessionAffinity: 'ClientIP',
      }),
    ],
    ['default/web:dns 10.96.0.7:80/udp → 10.32.0.2:5353,10.32.1.2:5353; affinity 10800 s'],
  );
  check([service('web', { ports: [TCP], internalTrafficPolicy: 'Local' })], ['default/web 10.96.0.7:80/tcp → 10.32.0.2:9000']);
  check([service('web', { ports: [{ ...TCP, name: 'other' }] })], ['default/web:other 10.96.0.7:80/tcp → refused']);
  check([service('web', { ports: [TCP], clusterIP: 'None' }), service('x', { type: 'ExternalName', externalName: 'y' })], []);
  check(
    [service('web', { type: 'NodePort', ports: [{ ...TCP, nodePort: 30080 }], externalTrafficPolicy: 'Local' })],
    [
      'default/web 10.96.0.7:80/tcp → 10.32.0.2:9000,10.32.1.2:9000; node port 30080; outside → 10.32.0.2:9000; but inside → 10.32.0.2:9000,10.32.1.2:9000',
    ],
  );
  check(
    [
      service('web', {
        type: 'NodePort',
        ports: [{ ...TCP, nodePort: 30080 }],
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
      }),
    ],
    [
      'default/web 10.96.0.7:80/tcp → 10.32.0.2:9000; node port 30080; outside → 10.32.0.2:9000; but inside → 10.32.0.2:9000,10.32.1.2:9000',
    ],
  );
  check([service('kubernetes', { ports: [{ port: 443 }] })], ['default/kubernetes 10.96.0.7:443/tcp → 169.254.20.10:6444']);
});

test('what is the machine’s own stays so, and is told', () => {
  const balanced = (port: number, addresses: readonly string[]) =>
    service('lb', { type: 'LoadBalancer', ports: [{ port, nodePort: 30081 }] }, { addresses });
  const line = (port: number, more = '') =>
    `default/lb 10.96.0.7:${port}/tcp → 10.32.0.2:9000,10.32.1.2:9000; node port 30081${more}; outside → 10.32.0.2:9000,10.32.1.2:9000`;
  check([balanced(80, ['192.168.1.5', '192.168.1.6'])], [line(80, '; at 192.168.1.5')]);
  check(
    [balanced(8080, ['192.168.1.5'])],
    [line(8080), "default/lb: its port of its load balancer 8080/TCP stays this machine's: somebody listens there"],
  );
  check(
    [balanced(80, ['203.0.113.1', '169.254.20.10'])],
    [line(80), "default/lb: its load balancer's address 169.254.20.10 is a loopback or link-local one"],
  );
  const onNode = (name: string, nodePort: number, clusterIP: string) =>
    service(name, { type: 'NodePort', ports: [{ port: 80, nodePort }], clusterIP });
  const led = (name: string, ip: string, more = '') =>
    `default/${name} ${ip}:80/tcp → 10.32.0.2:9000,10.32.1.2:9000${more}; outside → 10.32.0.2:9000,10.32.1.2:9000`;
  check(
    [
      onNode('a', 22, '10.96.0.1'),
      onNode('b', 30000, '10.96.0.2'),
      onNode('c', 30000, '10.96.0.3'),
      onNode('d', 30001, '10.96.0.3'),
    ],
    [
      led('a', '10.96.0.1'),
      led('b', '10.96.0.2', '; node port 30000'),
      led('c', '10.96.0.3'),
      "default/a: its nodePort 22/TCP stays this machine's: it is the way in for operators (SSH)",
      "default/c: its nodePort 30000 is default/b's already",
      "default/d: its address 10.96.0.3, port 80, is default/c's already",
    ],
  );
});

test('a service that has not changed is not made again', () => {
  const make = createTableMaker();
  const [web, db] = [service('web', { ports: [TCP] }), service('db', { ports: [TCP], clusterIP: '10.96.0.8' })];
  const first = make({ services: [web, db] }, CONTEXT).table.ports;
  const second = make({ services: [{ ...web, endpoints: [] }, db] }, CONTEXT).table.ports;
  expect(second.map(({ internal }) => internal.length)).toEqual([0, 2]);
  expect(second[1]?.internal).toBe(first[1]?.internal);
});

test('of two services after one node port, whoever had it keeps it', () => {
  // As with a database that was restored: the node keeps what the old one told, and the new one gives the port again.
  const onNode = (name: string, clusterIP: string) =>
    service(name, { type: 'NodePort', ports: [{ ...TCP, nodePort: 30_080 }], clusterIP });
  const [elder, newer] = [onNode('web', '10.96.0.7'), onNode('again', '10.96.0.8')];
  const owner = (...services: readonly KnownService[]) => {
    // By a process that knows nothing of what was before.
    const { table, refusals } = createTableMaker()({ services }, CONTEXT);
    return [...table.ports.filter(({ nodePort }) => nodePort !== undefined).map(({ key }) => key), ...refusals.map(textOf)];
  };
  const textOf = ({ namespace, name, message }: Refusal) => `${namespace}/${name}: ${message}`;
  expect(owner(elder)).toEqual(['default/web']);
  const both = ['default/web', "default/again: its nodePort 30080 is default/web's already"];
  expect(owner(newer, { ...elder, retained: true })).toEqual(both);
  expect(owner(newer)).toEqual(['default/again']);
});
