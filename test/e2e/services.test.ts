import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { createServiceRules } from '#net/services/service-rules.ts';
import type { ServiceTable } from '#net/services/service-table.ts';
import type { Command } from '#net/wire/command.ts';
import { createClearing } from '#net/wire/clear.ts';
import { startEngine } from '../support/engine.ts';
import {
  A,
  B,
  BACKENDS,
  C,
  CLIENT,
  FAR,
  NODE,
  NODE_ON_LAN,
  TABLE,
  VIP,
  startServiceWorld,
  tcp,
  udp,
  type ServiceWorld,
} from '../support/service-world.ts';

/** What a node does with packets to services, one suite for each way into the kernel: a case per behaviour, with real packets. */
const { signal } = new AbortController();
/** Refused, not timed out. */
const AT_ONCE_MS = 300;

describe.each(BACKENDS)('services by %s', (backend) => {
  let world: ServiceWorld;
  beforeAll(async () => (world = await startServiceWorld(backend)));
  afterAll(() => world.stop());

  const send = async (who: keyof ServiceWorld['peers'], name: string, host: string, port: number) =>
    (await world.peers[who].ask({ type: 'send', name, host, port })).text;

  const checkRefused = async (who: keyof ServiceWorld['peers'], host: string, port: number) => {
    const { text, ms } = await world.peers[who].ask({ type: 'fetch', host, port });
    expect([who, host, port, text]).toEqual([who, host, port, 'ECONNREFUSED']);
    expect(ms).toBeLessThan(AT_ONCE_MS);
  };

  /** The kernel tells one host but once a second, so not each answer counts. What the node itself sends is refused as it leaves. */
  const checkUdpRefused = (who: keyof ServiceWorld['peers'], host: string, port: number, from?: string) =>
    expect
      .poll(() => send(who, from ?? crypto.randomUUID(), host, port), { timeout: 10_000 })
      .toBe(who === 'host' ? 'EPERM' : 'ECONNREFUSED');

  test('every endpoint has its share, for pods and for the node, here and elsewhere', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A, B, FAR]));
    for (const who of [peers.c, peers.host]) {
      const counts = await who.count(VIP, 80, 300);
      expect(Object.keys(counts).toSorted()).toEqual(['a', 'b', 'far']);
      // Four standard deviations of a hundred.
      for (const count of Object.values(counts)) expect(Math.abs(count - 100)).toBeLessThan(33);
    }
    // A pod sees whom it serves; who is elsewhere sees the node for the node.
    await ensure(tcp([A]));
    expect(await peers.c.fetch(VIP, 80)).toBe(`a ${C.address}`);
    await ensure(tcp([FAR]));
    expect(await peers.c.fetch(VIP, 80)).toBe(`far ${C.address}`);
    expect(await peers.host.fetch(VIP, 80)).toBe(`far ${NODE_ON_LAN}`);
  });

  test('a pod reaches itself through its service, also by UDP', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A]), udp([A]));
    expect(await peers.a.fetch(VIP, 80)).toBe(`a ${TABLE.address}`);
    expect(await send('a', 'self', VIP, 53)).toContain(`a ${TABLE.address}`);
  });

  test('a node without a default route reaches services', async () => {
    const { node, peers, ensure } = world;
    await ensure(tcp([A]));
    await node.run('ip', 'route', 'del', 'default');
    expect(await peers.host.fetch(VIP, 80)).toContain('a ');
    await checkRefused('host', '10.96.9.9', 80);
    await node.run('ip', 'route', 'add', 'default', 'via', CLIENT);
  });

  test('node ports: at every address of the node but loopback, for pods, the node and others', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A], { nodePort: 30_080 }), udp([A], { nodePort: 30_053 }));
    // The source stays where the way back leads through this node anyway.
    expect(await peers.client.fetch(NODE, 30_080)).toBe(`a ${CLIENT}`);
    expect(await peers.client.fetch(NODE_ON_LAN, 30_080)).toBe(`a ${CLIENT}`);
    expect(await peers.b.fetch(NODE, 30_080)).toBe(`a ${B.address}`);
    expect(await peers.host.fetch(NODE, 30_080)).toBe(`a ${NODE}`);
    expect(await send('client', 'node-port', NODE, 30_053)).toContain(`a ${CLIENT}`);
    await checkRefused('host', '127.0.0.1', 30_080);
    await checkRefused('b', TABLE.address, 30_080);
    await ensure(tcp([FAR], { nodePort: 30_080 }));
    expect(await peers.client.fetch(NODE, 30_080)).toBe(`far ${NODE_ON_LAN}`);
  });

  test('external addresses lead to a service, be they the node’s own or not', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A], { externalIps: [NODE, '203.0.113.7'] }));
    expect(await peers.client.fetch(NODE, 80)).toBe(`a ${CLIENT}`);
    expect(await peers.client.fetch('203.0.113.7', 80)).toBe(`a ${CLIENT}`);
  });

  test('the client is kept: only endpoints of this node for who comes from outside, all for who is inside', async () => {
    const { peers, ensure } = world;
    const way = { nodePort: 30_080, externalIps: [NODE], shortcut: [FAR] };
    // Both policies are Local: at the cluster IP everybody has this node's, at the others who is inside has all.
    await ensure(tcp([A], way));
    expect(await peers.b.fetch(VIP, 80)).toBe(`a ${B.address}`);
    expect(await peers.client.fetch(NODE, 30_080)).toBe(`a ${CLIENT}`);
    expect(await peers.client.fetch(NODE, 80)).toBe(`a ${CLIENT}`);
    expect(await peers.b.fetch(NODE, 30_080)).toBe(`far ${B.address}`);
    expect(await peers.host.fetch(NODE, 80)).toContain('far ');
    // A balancer looks elsewhere when it hears nothing.
    await ensure(tcp([], way));
    await checkRefused('b', VIP, 80);
    expect(await peers.client.fetch(NODE, 30_080)).toBe('silence');
    expect(await peers.client.fetch(NODE, 80)).toBe('silence');
    expect(await peers.b.fetch(NODE, 30_080)).toBe(`far ${B.address}`);
    // Where there is none on any node, none is to be looked for.
    await ensure(tcp([], { ...way, shortcut: [] }));
    for (const who of ['client', 'b', 'host'] as const) await checkRefused(who, NODE, 30_080);
  });

  test('where nobody answers, it is told at once', async () => {
    const { ensure } = world;
    await ensure(tcp([], { nodePort: 30_080, externalIps: ['203.0.113.7'] }), udp([], { nodePort: 30_053 }));
    for (const who of ['a', 'host'] as const) {
      await checkRefused(who, VIP, 80);
      await checkRefused(who, VIP, 8888);
      await checkRefused(who, '10.96.9.9', 80);
      await checkRefused(who, NODE, 30_080);
      await checkUdpRefused(who, VIP, 53);
      await checkUdpRefused(who, NODE, 30_053);
    }
    await checkRefused('client', NODE, 30_080);
    await checkRefused('client', '203.0.113.7', 80);
    await checkUdpRefused('client', NODE, 30_053);
    await ensure(tcp([A]));
    expect(await world.peers.b.fetch(VIP, 80)).toContain('a ');
    // The port of a service that is gone is the node's own again.
    await checkRefused('client', NODE, 30_080);
  });

  test('clients stay with their endpoint, until it leaves or the time is over', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A, B], { affinitySeconds: 60, nodePort: 30_080 }));
    const [first = ''] = Object.keys(await peers.c.count(VIP, 80, 20));
    expect(Object.keys(await peers.c.count(VIP, 80, 20))).toEqual([first]);
    expect(Object.keys(await peers.client.count(NODE, 30_080, 20))).toHaveLength(1);
    // Others come, the client stays; its own leaves, it goes.
    await ensure(tcp([A, B, FAR], { affinitySeconds: 60 }));
    expect(Object.keys(await peers.c.count(VIP, 80, 20))).toEqual([first]);
    // Nor does it matter that the agent starts anew.
    const clients = [peers.a, peers.b, peers.c, peers.host];
    const chosen = () => Promise.all(clients.map(async (client) => (await client.fetch(VIP, 80)).split(' ')[0]));
    const before = await chosen();
    world.restart();
    await ensure(tcp([A, B, FAR], { affinitySeconds: 60 }));
    expect(await chosen()).toEqual(before);
    await ensure(
      tcp(
        [A, B, FAR].filter(({ address }) => address !== (first === 'a' ? A : B).address),
        { affinitySeconds: 60 },
      ),
    );
    expect(Object.keys(await peers.c.count(VIP, 80, 20))).not.toContain(first);
    await ensure(tcp([A, B], { affinitySeconds: 1 }));
    await peers.b.fetch(VIP, 80);
    const seen = new Set<string>();
    await expect
      .poll(async () => seen.add((await peers.b.fetch(VIP, 80)).slice(0, 1)).size, { timeout: 30_000, interval: 1200 })
      .toBe(2);
  });

  test('open connections go on through every change, also when their endpoint has left the table', async () => {
    const { peers, ensure } = world;
    await ensure(tcp([A]));
    const opened = await peers.c.ask({ type: 'open', name: 'long', host: VIP, port: 80 });
    const fromHost = await peers.host.ask({ type: 'open', name: 'long', host: VIP, port: 80 });
    expect([opened.text.slice(0, 1), fromHost.text.slice(0, 1)]).toEqual(['a', 'a']);
    const goesOn = async () => [
      (await peers.c.ask({ type: 'say', name: 'long' })).text,
      (await peers.host.ask({ type: 'say', name: 'long' })).text.slice(0, 1),
    ];
    await ensure(tcp([B]), tcp([C], { key: 'default/other', clusterIp: '10.96.0.11' }));
    expect(await goesOn()).toEqual([`a ${C.address}`, 'a']);
    expect(await peers.c.fetch(VIP, 80)).toContain('b ');
    await ensure();
    expect(await goesOn()).toEqual([`a ${C.address}`, 'a']);
    expect(await world.restart().ensure(TABLE, signal)).toBe('made anew');
    expect(await goesOn()).toEqual([`a ${C.address}`, 'a']);
  });

  test('UDP flows stay as they are while others come, and go elsewhere within a packet when their endpoint leaves', async () => {
    const { ensure } = world;
    await ensure(udp([A], { nodePort: 30_053 }));
    const before = [
      await send('c', 'flow', VIP, 53),
      await send('client', 'flow', NODE, 30_053),
      await send('host', 'flow', VIP, 53),
    ];
    expect(before.map((text) => text.slice(0, 1))).toEqual(['a', 'a', 'a']);
    const now = async () => [
      await send('c', 'flow', VIP, 53),
      await send('client', 'flow', NODE, 30_053),
      await send('host', 'flow', VIP, 53),
    ];
    await ensure(udp([A, B], { nodePort: 30_053 }));
    expect(await now()).toEqual(before);
    await ensure(udp([A, B], { nodePort: 30_053 }), tcp([A]));
    expect(await now()).toEqual(before);
    // An agent that starts anew finds the zones, and who has left meanwhile.
    const restarted = async (...ports: ServiceTable['ports']) => world.restart().ensure({ ...TABLE, ports }, signal);
    await restarted(udp([A, B], { nodePort: 30_053 }));
    expect(await now()).toEqual(before);
    await restarted(udp([B], { nodePort: 30_053 }));
    expect((await now()).map((text) => text.slice(0, 1))).toEqual(['b', 'b', 'b']);
    await ensure(udp([C], { nodePort: 30_053 }));
    expect((await now()).map((text) => text.slice(0, 1))).toEqual(['c', 'c', 'c']);
    await ensure();
    await checkUdpRefused('c', VIP, 53, 'flow');
  });

  test('a port of the node’s own address leads to another, beside who listens there, and its UDP leaves no trace', async () => {
    const { peers, node, ensure } = world;
    await ensure();
    await peers.host.ask({ type: 'serve-udp', port: 53, address: TABLE.address });
    expect(await peers.a.fetch(TABLE.address, 53)).toBe(`host ${A.address}`);
    expect(await peers.host.fetch(TABLE.address, 53)).toContain('host ');
    expect(await send('a', 'names', TABLE.address, 53)).toContain(`host ${A.address}`);
    const tracked = await node.run('cat', '/proc/net/nf_conntrack').catch(() => '');
    expect(tracked.split('\n').filter((line) => / udp .* dst=169\.254\.20\.10 sport=\d+ dport=53 /.test(line))).toEqual([]);
  });

  test('the node’s own address is nobody’s but its pods’ and its own: who routes it to the node hears nothing', async () => {
    const { peers, client, ensure } = world;
    await client.run('ip', 'route', 'add', `${TABLE.address}/32`, 'via', NODE);
    const api = { address: TABLE.address, port: 5300 };
    await ensure(tcp([api], { key: 'default/kubernetes', clusterIp: '10.96.0.1' }), tcp([FAR]));
    for (const [host, port] of [
      [TABLE.address, 53],
      [TABLE.address, 5300],
      ['10.96.0.1', 80],
    ] as const) {
      expect(await peers.client.fetch(host, port), `${host}:${port}`).toBe('silence');
      for (const who of [peers.a, peers.host]) expect(await who.fetch(host, port), `${host}:${port}`).toContain('host ');
    }
    expect(await send('client', 'names', TABLE.address, 53)).toBe('silence');
    expect(await send('a', 'names', TABLE.address, 53)).toContain('host ');
    // Answers to the node itself, whose source the address is.
    expect(await peers.host.fetch(VIP, 80)).toBe(`far ${NODE_ON_LAN}`);
  });

  test('rules that somebody flushed are put back by the next look, and clients of open flows notice nothing after it', async () => {
    const { peers, node, ensure } = world;
    const ports = [tcp([A]), udp([A], { nodePort: 30_053 })];
    await ensure(...ports);
    expect(await ensure(...ports)).toBe('stood');
    const opened = await peers.c.ask({ type: 'open', name: 'flushed', host: VIP, port: 80 });
    expect(opened.text).toBe(`a ${C.address}`);
    await node.run('nft', 'flush', 'ruleset');
    for (const table of ['nat', 'raw', 'filter']) {
      await node.run('iptables-legacy', '-t', table, '-F');
      await node.run('iptables-legacy', '-t', table, '-X');
    }
    expect(await world.isStanding()).toBe(false);
    expect(await ensure(...ports)).toBe('made anew');
    expect((await peers.c.ask({ type: 'say', name: 'flushed' })).text).toBe(opened.text);
    expect(await peers.c.fetch(VIP, 80)).toContain('a ');
    // A change finds out as well.
    await node.run('ip', 'addr', 'del', `${TABLE.address}/32`, 'dev', 'lo');
    expect(await ensure(tcp([B]))).toBe('made anew');
    expect(await peers.host.fetch(VIP, 80)).toContain('b ');
    await world.ensureNode();
  });

  test.each(['filter', 'raw'])(
    'one table of iptables that somebody flushed is whole again with the next look: %s',
    async (table) => {
      const { peers, node, ensure } = world;
      const ports = [tcp([]), udp([A, B], { nodePort: 30_053 })];
      const iptables = backend === 'iptables-legacy' ? 'iptables-legacy' : 'iptables-nft';
      const ours = async () =>
        (await node.run(iptables, '-t', table, '-S')).split('\n').filter((line) => line.includes('SKERRY-SVC-'));
      await ensure(...ports);
      const before = await ours();
      expect(before.length > 0).toBe(!backend.startsWith('nft'));
      const flow = await send('c', `through ${table}`, VIP, 53);
      for (const flush of [['-F'], ['-F', '-X']]) {
        for (const verb of flush) await node.run(iptables, '-t', table, verb);
        expect(await ensure(...ports)).toBe(backend.startsWith('nft') ? 'stood' : 'made anew');
        expect(await ours()).toEqual(before);
        await checkRefused('c', VIP, 80);
        expect(await send('c', `through ${table}`, VIP, 53)).toBe(flow);
        expect(await ensure(...ports)).toBe('stood');
      }
      await world.ensureNode();
      expect(await peers.host.fetch(VIP, 80)).toBe('ECONNREFUSED');
    },
  );

  test('host ports and services change without touching each other', async () => {
    const { peers, ensure, ensureNode } = world;
    await ensure(tcp([A], { nodePort: 30_080 }), udp([A]));
    const flow = await send('c', 'beside', VIP, 53);
    await ensureNode([{ protocol: 'tcp', hostPort: 8088, address: B.address, port: 8080 }]);
    expect(await peers.client.fetch(NODE, 8088)).toBe(`b ${CLIENT}`);
    expect(await peers.c.fetch(VIP, 80)).toBe(`a ${C.address}`);
    expect(await peers.client.fetch(NODE, 30_080)).toBe(`a ${CLIENT}`);
    await ensure(tcp([B]), udp([A]));
    await ensureNode();
    expect(await ensure(tcp([B]), udp([A]))).toBe('stood');
    expect(await peers.c.fetch(VIP, 80)).toBe(`b ${C.address}`);
    expect(await send('c', 'beside', VIP, 53)).toBe(flow);
    await checkRefused('client', NODE, 8088);
  });

  test('Docker, ufw and firewalld drop what they do not know; services go through', async () => {
    const { peers, node, ensure, ensureNode } = world;
    const iptables = backend === 'iptables-legacy' ? 'iptables-legacy' : 'iptables-nft';
    // Docker's policy without its DOCKER-USER, and ufw's of both chains.
    await node.run(iptables, '-P', 'FORWARD', 'DROP');
    await node.run(iptables, '-P', 'INPUT', 'DROP');
    await node.run(iptables, '-A', 'INPUT', '-i', 'lo', '-j', 'ACCEPT');
    await node.run(iptables, '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT');
    const gate = (hook: string) =>
      `chain ${hook} { type filter hook ${hook} priority 10; ct state established,related accept; ct status dnat accept; iifname lo accept; reject; };`;
    await ensureNode();
    await ensure();
    expect(await send('c', 'through ufw', TABLE.address, 53)).toContain('host ');
    // firewalld's table lets through what was led.
    await node.command('nft', ['-f', '-'], `table inet firewalld { ${gate('forward')} ${gate('input')} }`, signal);
    const inside = { address: TABLE.address, port: 5300 };
    await ensure(tcp([A, FAR], { nodePort: 30_080 }), tcp([inside], { key: 'default/api', clusterIp: '10.96.0.1' }));
    for (const who of [peers.c, peers.host]) expect(Object.keys(await who.count(VIP, 80, 30)).toSorted()).toEqual(['a', 'far']);
    expect(Object.keys(await peers.client.count(NODE, 30_080, 30)).toSorted()).toEqual(['a', 'far']);
    expect(await peers.c.fetch('10.96.0.1', 80)).toBe(`host ${C.address}`);
    await ensure(tcp([]));
    await checkRefused('c', VIP, 80);
    await node.run('nft', 'delete', 'table', 'inet', 'firewalld');
  });

  test('all of it is taken back, and nothing else', async () => {
    const { node, command, ensure } = world;
    await ensure(tcp([A], { nodePort: 30_080, affinitySeconds: 10 }), udp([A]));
    const removed = await createClearing(command).rules(signal);
    expect(removed).toContain(`address ${TABLE.address}`);
    expect(removed).toContain(backend.startsWith('nft') ? 'nft table skerry' : 'iptables chain SKERRY-SVC-*');
    const left = [
      await node.run('nft', 'list', 'ruleset'),
      await node.run('iptables-legacy-save'),
      await node.run('ip', 'addr', 'show', 'dev', 'lo'),
      await node.run('ip', 'route'),
    ];
    expect(left.join('\n')).not.toMatch(/skerry|169\.254\.20\.10|10\.96\.0\.0/i);
    expect(await createClearing(command).rules(signal)).toEqual([]);
  });
});

test('where the way into the kernel changes, the other one’s rules go', async () => {
  const world = await startServiceWorld('nft');
  try {
    const { node, peers, isStanding } = world;
    const refusing: Command = (file, args, input, abort) =>
      args[0] === '-c'
        ? Promise.reject(new SkerryError('CommandFailed', 'this kernel can not'))
        : node.command(file, args, input, abort);
    const all = async () => (await node.run('nft', 'list', 'ruleset')) + (await node.run('iptables-save'));
    await createServiceRules({ run: refusing, isStanding }).ensure({ ...TABLE, ports: [tcp([A])] }, signal);
    expect(await all()).not.toContain('svc-');
    expect(await peers.c.fetch(VIP, 80)).toContain('a ');
    await world.ensure(tcp([B]));
    expect(await all()).not.toContain('SKERRY-SVC');
    expect(await peers.c.fetch(VIP, 80)).toContain('b ');
    await createServiceRules({ run: refusing, isStanding }).ensure({ ...TABLE, ports: [tcp([C])] }, signal);
    expect(await all()).not.toContain('svc-');
    expect(await peers.b.fetch(VIP, 80)).toContain('c ');
  } finally {
    world.stop();
  }
});

test.each(['nft', 'iptables'] as const)(
  'services by %s stand beside a Docker that comes, goes and comes back',
  async (backend) => {
    const world = await startServiceWorld(backend);
    try {
      const { node, peers } = world;
      const ports = [tcp([A, FAR], { nodePort: 30_080 })];
      await world.ensure(...ports);
      const checkServed = async () => {
        expect(Object.keys(await peers.c.count(VIP, 80, 30)).toSorted()).toEqual(['a', 'far']);
        expect(Object.keys(await peers.client.count(NODE, 30_080, 30)).toSorted()).toEqual(['a', 'far']);
      };
      const engine = await startEngine({}, node.pid);
      try {
        // It has rules and a bridge now, and may have forbidden to forward.
        expect(await node.run('iptables-save')).toContain(':DOCKER ');
        await node.run('iptables', '-P', 'FORWARD', 'DROP');
        await world.ensureNode();
        await checkServed();
        const opened = await peers.c.ask({ type: 'open', name: 'docker', host: VIP, port: 80 });
        await engine.powerCut();
        await checkServed();
        expect((await peers.c.ask({ type: 'say', name: 'docker' })).text).toBe(opened.text);
        expect(await world.ensure(...ports)).toBe('stood');
      } finally {
        await engine.stop();
      }
    } finally {
      world.stop();
    }
  },
);
