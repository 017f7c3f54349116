import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBeside } from '../support/beside.ts';
import { until } from '../support/engine.ts';
import {
  NODE_ADDRESS,
  OUTSIDE_ADDRESS,
  knownEndpoint,
  knownService,
  startDnsWorld,
  type DnsWorld,
} from '../support/dns-world.ts';

/** A node's name server as its clients find it: dig, real packets, and dnsmasq as the resolver outside and as a neighbour on the node. */
let world: DnsWorld;
const HTTP = [{ name: 'http', port: 80, protocol: 'TCP' }];
const OUTSIDE = ['--bind-interfaces', `--listen-address=${OUTSIDE_ADDRESS}`, '--address=/example.com/192.0.2.80'];
/** What is sent there comes to port 53, from a port that nobody has. */
const FROM_PORT_0 = 5_300;

beforeAll(async () => {
  world = await startDnsWorld();
  world.setServices([
    knownService('web', { clusterIP: '10.96.0.10', ports: HTTP }),
    knownService('db', { clusterIP: 'None', ports: HTTP }, [knownEndpoint('10.32.0.5', 'db-0'), knownEndpoint('10.32.0.6')]),
    knownService(
      'big',
      { clusterIP: 'None' },
      Array.from({ length: 120 }, (_, at) => knownEndpoint(`10.32.1.${at}`)),
    ),
    knownService('out', { type: 'ExternalName', externalName: 'www.example.com' }),
  ]);
  world.setResolvConf(`nameserver ${OUTSIDE_ADDRESS}\n`);
  // As the table of services has it.
  await world.node.command(
    'nft',
    ['-f', '-'],
    `table ip test {
  chain out { type nat hook output priority -105; ip daddr 169.254.20.10 tcp dport 53 dnat to 169.254.20.10:10053; }
  chain forge { type filter hook output priority 0; ip daddr 169.254.20.10 udp dport ${FROM_PORT_0} udp sport set 0 udp dport set 53; }
}
`,
    new AbortController().signal,
  );
  await world.startServer();
});
afterAll(() => world.stop());

test('names of services and pods', async () => {
  const { short, status } = world;
  expect(await short('web.default.svc.cluster.local')).toBe('10.96.0.10');
  expect(await status('WeB.default.svc.CLUSTER.local')).toBe('NOERROR qr aa rd ra');
  expect(await status('web.default.svc.cluster.local', 'AAAA')).toBe('NOERROR qr aa rd ra');
  expect(await status('nobody.default.svc.cluster.local')).toBe('NXDOMAIN qr aa rd ra');
  expect(await short('_http._tcp.web.default.svc.cluster.local', 'SRV')).toBe('0 100 80 web.default.svc.cluster.local.');
  expect(await short('-x', '10.96.0.10')).toBe('web.default.svc.cluster.local.');
  expect((await short('db.default.svc.cluster.local')).split('\n').toSorted((a, b) => a.localeCompare(b))).toEqual([
    '10.32.0.5',
    '10.32.0.6',
  ]);
  expect(await short('db-0.db.default.svc.cluster.local')).toBe('10.32.0.5');
  expect(await short('-x', '10.32.0.5')).toBe('db-0.db.default.svc.cluster.local.');
  expect(await short('10-32-0-9.default.pod.cluster.local')).toBe('10.32.0.9');
  expect(await short('dns-version.cluster.local', 'TXT')).toBe('"1.1.0"');
});

test('datagrams as large as the client takes them, and TCP for the rest', async () => {
  const { short, status, node } = world;
  expect(await status('+ignore', '+noedns', 'big.default.svc.cluster.local')).toBe('NOERROR qr aa tc rd ra');
  expect((await short('+ignore', '+noedns', 'big.default.svc.cluster.local')).split('\n')).toHaveLength(29);
  expect((await short('+ignore', '+bufsize=1232', 'big.default.svc.cluster.local')).split('\n')).toHaveLength(73);
  // dig asks again by itself.
  expect((await short('big.default.svc.cluster.local')).split('\n')).toHaveLength(120);
  expect(await short('+tcp', '+keepopen', 'web.default.svc.cluster.local', 'db-0.db.default.svc.cluster.local')).toBe(
    '10.96.0.10\n10.32.0.5',
  );
  expect(await status('+edns=1', '+noednsnegotiation', 'web.default.svc.cluster.local')).toContain('BADVERS');
  // Nor does something else than a question, or one that can not be answered.
  expect(await status('-p', String(FROM_PORT_0), '+time=1', 'web.default.svc.cluster.local')).not.toContain('NOERROR');
  await node.run('busybox', 'sh', '-c', 'head -c 700 /dev/urandom | busybox nc -u -w 1 169.254.20.10 53').catch(() => '');
  expect(await short('web.default.svc.cluster.local')).toBe('10.96.0.10');
});

test('a changed service answers anew, at once', async () => {
  world.setServices([
    knownService('web', { clusterIP: '10.96.0.11', ports: HTTP }),
    knownService('out', { type: 'ExternalName', externalName: 'www.example.com' }),
  ]);
  world.reload();
  await until(async () => (await world.short('web.default.svc.cluster.local')) === '10.96.0.11', 'the new address');
  expect(await world.status('-x', '10.96.0.10')).toContain('NXDOMAIN');
  expect(await world.status('db.default.svc.cluster.local')).toContain('NXDOMAIN');
});

test('other names come from the node’s resolvers, are kept past their time, and fail at once while nobody answers', async () => {
  const { short, status, outside, startDnsmasq, events } = world;
  const resolver = await startDnsmasq(outside, ...OUTSIDE, '--local-ttl=1');
  await until(async () => (await short('kept.example.com')) === '192.0.2.80', 'an answer from outside', 15_000);
  expect((await short('out.default.svc.cluster.local')).split('\n')).toEqual(['www.example.com.', '192.0.2.80']);
  expect(await short('+tcp', 'tcp.example.com')).toBe('192.0.2.80');
  await resolver.stop();
  // Whoever drops datagrams says nothing.
  await outside.command(
    'nft',
    ['-f', '-'],
    'table ip silent { chain in { type filter hook input priority 0; udp dport 53 drop; }; }\n',
    new AbortController().signal,
  );
  await until(async () => (await status('new.example.com')).startsWith('SERVFAIL'), 'the failure', 10_000);
  await until(async () => (await quick(() => status('newer.example.com'))) < 500, 'failures at once', 10_000);
  expect(await short('kept.example.com')).toBe('192.0.2.80');
  expect(await quick(() => status('web.default.svc.cluster.local'))).toBeLessThan(500);
  await until(() => events().includes('ResolverUnreachable'), 'the event', 30_000);
  await outside.run('nft', 'delete', 'table', 'ip', 'silent');
  const back = await startDnsmasq(outside, ...OUTSIDE);
  await until(async () => (await short('again.example.com')) === '192.0.2.80', 'an answer again', 15_000);
  await until(() => events().includes('ResolverReady'), 'the event of it');
  // A cable that is pulled is known from the first datagram.
  await world.node.run('ip', 'addr', 'flush', 'dev', `to-${outside.pid}`);
  expect(await quick(() => status('cut.example.com'))).toBeLessThan(500);
  expect(await short('kept.example.com')).toBe('192.0.2.80');
  await world.node.run('ip', 'addr', 'add', '10.9.9.1/24', 'dev', `to-${outside.pid}`);
  await until(async () => (await short('heals.example.com')) === '192.0.2.80', 'the cable', 15_000);
  await back.stop();
});

test('the file of resolvers is replaced, names several, or the stub of systemd-resolved', async () => {
  const { short, node, outside, startDnsmasq, setResolvConf } = world;
  const second = await startDnsmasq(
    outside,
    '--bind-interfaces',
    '--listen-address=10.9.9.3',
    '--address=/second.test/192.0.2.3',
  ).catch(async () => {
    await outside.run('ip', 'addr', 'add', '10.9.9.3/24', 'dev', `to-${node.pid}`);
    return startDnsmasq(outside, '--bind-interfaces', '--listen-address=10.9.9.3', '--address=/second.test/192.0.2.3');
  });
  setResolvConf('nameserver 10.9.9.3\n');
  await until(async () => (await short('a.second.test')) === '192.0.2.3', 'the new resolver', 15_000);
  // The first is there no more: the second is asked without waiting for it.
  setResolvConf(`nameserver ${OUTSIDE_ADDRESS}\nnameserver 10.9.9.3\n`);
  await until(async () => (await short('b.second.test')) === '192.0.2.3', 'the second of two', 15_000);
  await second.stop();
});

test('beside a resolver that is bound to every address, whoever starts first', async () => {
  const { short, node, startDnsmasq } = world;
  const neighbour = ['--address=/neighbour.test/192.0.2.99', '--cache-size=0'];
  const asked = (server: string, name: string) =>
    node.run('dig', `@${server}`, '+short', '+time=2', '+tries=1', name).catch(() => 'nothing');
  const both = async () => {
    expect((await asked('127.0.0.1', 'x.neighbour.test')).trim()).toBe('192.0.2.99');
    for (const protocol of ['+notcp', '+tcp']) expect(await short(protocol, 'web.default.svc.cluster.local')).toBe('10.96.0.11');
  };
  const after = await startDnsmasq(node, ...neighbour);
  await both();
  await world.stopServer();
  await world.startServer();
  await both();
  await after.stop();
  // One that takes each address for itself, this one too, is told from us by what we do not hear, and has it no longer.
  const taker = await startDnsmasq(node, '--bind-interfaces', '--local=/cluster.local/');
  await until(async () => (await short('web.default.svc.cluster.local')) === '10.96.0.11', 'our answers again', 20_000);
  await taker.stop();
});

test('beside systemd-resolved, bound to every address or to its own alone, whoever starts first', async () => {
  const { short, node, outside, startDnsmasq, setResolvConf, setBehindStub } = world;
  const resolver = await startDnsmasq(outside, ...OUTSIDE);
  const beside = await createBeside();
  try {
    const settings = `[Resolve]\nDNS=${OUTSIDE_ADDRESS}\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n`;
    const asked = (server: string) =>
      node.run('dig', `@${server}`, '+short', '+time=2', '+tries=1', 'resolved.example.com').catch(() => 'nothing');
    const startResolved = async (more = '') => {
      await beside.run(node.pid, ['tee', '/etc/systemd/resolved.conf'], settings + more);
      await beside.run(node.pid, ['install', '-d', '-o', 'systemd-resolve', '-g', 'systemd-resolve', '/run/systemd/resolve']);
      const argv = ['/lib/systemd/systemd-resolved'];
      const resolved = await beside.start(node.pid, argv, async () => (await asked('127.0.0.53')) === '192.0.2.80\n');
      // Its stub is what the node's file names; whom to ask stands in its own.
      setBehindStub(await beside.run(node.pid, ['cat', '/run/systemd/resolve/resolv.conf']));
      setResolvConf(await beside.run(node.pid, ['cat', '/run/systemd/resolve/stub-resolv.conf']));
      return resolved;
    };
    const both = async () => {
      for (const protocol of ['+notcp', '+tcp'])
        expect(await short(protocol, 'web.default.svc.cluster.local')).toBe('10.96.0.11');
      await until(
        async () => (await short(`${crypto.randomUUID()}.example.com`)) === '192.0.2.80',
        'a name from outside',
        20_000,
      );
      expect(await asked('127.0.0.53')).toBe('192.0.2.80\n');
    };
    for (const more of ['', 'DNSStubListenerExtra=0.0.0.0\n']) {
      const after = await startResolved(more);
      await both();
      await world.stopServer();
      await world.startServer();
      await both();
      if (more !== '') expect(await asked(NODE_ADDRESS)).toBe('192.0.2.80\n');
      await after.stop();
    }
  } finally {
    await beside.remove();
    await resolver.stop();
  }
});

test.each([
  // It binds each address by itself, also those that come while it runs, which it hears of at once.
  [
    'BIND',
    'options { directory "/tmp"; listen-on { any; }; recursion yes; forwarders { OUTSIDE; }; forward only; dnssec-validation no; };',
    ['named', '-f', '-c'],
  ],
  [
    'unbound',
    'server:\n interface: 0.0.0.0\n access-control: 0.0.0.0/0 allow\n username: ""\n chroot: ""\n module-config: "iterator"\n do-daemonize: no\nforward-zone:\n name: "."\n forward-addr: OUTSIDE\n',
    ['unbound', '-d', '-c'],
  ],
] as const)('beside %s, whoever starts first', async (name, settings, argv) => {
  const { short, node, outside, startDnsmasq } = world;
  const resolver = await startDnsmasq(outside, ...OUTSIDE);
  const beside = await createBeside('resolvers');
  const asked = () => node.run('dig', `@127.0.0.1`, '+short', '+time=2', '+tries=1', 'x.example.com').catch(() => 'nothing');
  const start = async () => {
    await beside.run(node.pid, ['tee', '/etc/its.conf'], settings.replace('OUTSIDE', OUTSIDE_ADDRESS));
    return beside.start(node.pid, [...argv, '/etc/its.conf'], async () => (await asked()) === '192.0.2.80\n');
  };
  const both = async () => {
    for (const protocol of ['+notcp', '+tcp'])
      await until(
        async () => (await short(protocol, 'web.default.svc.cluster.local')) === '10.96.0.11',
        `our answer beside ${name}, ${protocol}`,
        15_000,
      );
    expect(await asked()).toBe('192.0.2.80\n');
  };
  try {
    const after = await start();
    await both();
    await after.stop();
    // Now it is there first, and our address comes while it runs.
    await world.stopServer();
    await node.run('ip', 'addr', 'del', '169.254.20.10/32', 'dev', 'lo');
    const before = await start();
    await world.startServer();
    await both();
    await before.stop();
  } finally {
    await beside.remove();
    await resolver.stop();
  }
});

test('a resolver that leads back is found out and left alone, and asked again once it does not', async () => {
  const { short, status, node, startDnsmasq, setResolvConf, events } = world;
  const circle = await startDnsmasq(
    node,
    '--bind-interfaces',
    '--listen-address=127.0.0.1',
    '--server=169.254.20.10',
    '--cache-size=0',
  );
  setResolvConf('nameserver 127.0.0.1\n');
  await until(() => events().includes('ResolverLoop'), 'the event', 40_000);
  expect(await quick(() => status('any.example.com'))).toBeLessThan(500);
  expect(await short('web.default.svc.cluster.local')).toBe('10.96.0.11');
  await circle.stop();
  const straight = await startDnsmasq(
    node,
    '--bind-interfaces',
    '--listen-address=127.0.0.1',
    '--address=/example.com/192.0.2.80',
  );
  await until(async () => (await short('any.example.com')) === '192.0.2.80', 'an answer', 60_000);
  await straight.stop();
  // Itself is nobody to ask.
  setResolvConf('nameserver 169.254.20.10\n');
  await until(async () => (await status('self.example.com')).startsWith('SERVFAIL'), 'the failure', 15_000);
  expect(await quick(() => status('self.example.com'))).toBeLessThan(500);
});

test('an address that somebody takes away is back within ten seconds', async () => {
  await world.node.run('ip', 'addr', 'del', '169.254.20.10/32', 'dev', 'lo');
  await until(async () => (await world.short('web.default.svc.cluster.local')) === '10.96.0.11', 'the address', 15_000);
});

/** Milliseconds, dig's own start among them. */
async function quick(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}
