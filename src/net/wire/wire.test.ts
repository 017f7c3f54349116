import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { clusterCidrIn } from './cluster-cidr-in.ts';
import { runCommand, type Command } from './command.ts';
import { createFirewall } from './firewall.ts';
import { chooseIptables } from './iptables-variant.ts';
import { forwardRulesGuarded, iptablesRules, nftRules } from './rules.ts';
import { aliasOf, hostBatch, interfaceName, parseMtu, parseWired, podBatch } from './veth.ts';

const REQUEST = { podUid: 'a2f3', sandboxId: 'cafe', address: '10.32.0.5', pid: 77 };
const NODE = { podCidr: '10.32.0.0/25', clusterCidr: '10.32.0.0/11', hostPorts: [] };
const PORT = { protocol: 'tcp', hostPort: 8080, address: '10.32.0.5', port: 80 } as const;

test('a pod’s link in the words of ip', () => {
  const name = interfaceName('a2f3');
  expect(name).toMatch(/^skr[0-9a-f]{12}$/);
  expect(hostBatch(REQUEST, 1400)).toBe(
    `link add ${name} address 02:42:a9:fe:01:01 mtu 1400 type veth peer name eth0 mtu 1400 netns 77\n` +
      `link set ${name} up\nroute replace 10.32.0.5/32 dev ${name}\n`,
  );
  expect(podBatch(REQUEST).split('\n')).toContain('route add default via 169.254.1.1 dev eth0 src 10.32.0.5');
});

test('only a link that is whole counts as wired', () => {
  const name = interfaceName('a2f3');
  const link = { ifname: name, flags: ['UP'], ifalias: aliasOf(REQUEST) };
  const route = { dst: '10.32.0.5', dev: name };
  const wired = (links: readonly object[], routes: readonly object[]) => [
    ...parseWired(JSON.stringify(links), JSON.stringify(routes)),
  ];
  expect(wired([link], [route])).toEqual([['a2f3', { sandboxId: 'cafe', address: '10.32.0.5' }]]);
  expect(wired([link], [])).toEqual([]);
  expect(wired([{ ...link, flags: [] }], [route])).toEqual([]);
  expect(wired([{ ...link, ifalias: undefined }], [route])).toEqual([]);
  expect(wired([{ ...link, ifname: 'eth0' }], [route])).toEqual([]);
  expect([...parseWired('', '')]).toEqual([]);
});

test('the MTU is that of the way out', () => {
  const links = JSON.stringify([
    { ifname: 'eth0', mtu: 1400 },
    { ifname: 'lo', mtu: 65536 },
  ]);
  expect(parseMtu(links, JSON.stringify([{ dst: 'default', dev: 'eth0' }]))).toBe(1400);
  expect(parseMtu(links, JSON.stringify([{ dst: 'default', dev: 'lo' }]))).toBe(1500);
  expect(parseMtu(links, '')).toBe(1500);
});

test('rules: masquerade, host ports, and a guard only where we turned forwarding on', () => {
  const plain = nftRules(NODE, false);
  expect(plain).toContain('ip saddr 10.32.0.0/25 ip daddr != 10.32.0.0/11 oifname != "skr*" masquerade');
  expect(plain).not.toContain('hook prerouting');
  expect(plain).not.toContain('chain guard {');
  const full = nftRules(
    { ...NODE, hostPorts: [PORT, { ...PORT, hostPort: 53, protocol: 'udp', hostAddress: '192.0.2.1' }] },
    true,
  );
  expect(full).toContain('fib daddr type local tcp dport 8080 dnat to 10.32.0.5:80');
  expect(full).toContain('ip daddr 192.0.2.1 udp dport 53 dnat to 10.32.0.5:80');
  expect(full).toContain('chain guard');
  // Services have their chains in the same table.
  expect(full).not.toContain('delete table');
  expect(iptablesRules({ ...NODE, hostPorts: [PORT] })).toContain(
    '-A SKERRY-PORTS -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 10.32.0.5:80',
  );
  // What is written is what is read.
  const other = { ...NODE, podCidr: '172.20.1.0/25', clusterCidr: '172.20.0.0/16', hostPorts: [PORT] };
  for (const rules of [nftRules(other, true), iptablesRules(other)]) expect(clusterCidrIn(rules)).toBe('172.20.0.0/16');
  expect(clusterCidrIn('')).toBe(undefined);
  expect(forwardRulesGuarded().trimEnd().endsWith('-A SKERRY-FORWARD -j DROP\nCOMMIT')).toBe(true);
});

/** A node's tools that remember what they were told, and answer as they are made to. */
function tools(answers: (line: string) => string | undefined): { readonly run: Command; readonly lines: string[] } {
  const lines: string[] = [];
  const run: Command = async (file, args, input) => {
    const line = [file, ...args].join(' ');
    const answer = answers(line);
    if (answer === undefined) throw new SkerryError('CommandFailed', line);
    lines.push(input === '' ? line : `${line} < ${input.split('\n')[0]}`);
    return answer;
  };
  return { run, lines };
}

test('what stands is left alone, what was flushed is put back, Docker’s drop is overruled', async () => {
  const { signal } = new AbortController();
  let flushed = true;
  const node = tools((line) => {
    if (line === 'cat /proc/sys/net/ipv4/ip_forward') return '1\n';
    if (line.startsWith('nft list chain ip skerry guard')) return undefined;
    if (line.startsWith('nft list')) return flushed ? undefined : 'masquerade';
    if (line === 'iptables -w -S FORWARD') return '-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n';
    if (line === 'iptables -w -S INPUT') return '-P INPUT DROP\n-A INPUT -j ufw-before-input\n';
    if (line.startsWith('iptables -w -C') || line.includes(' -C ')) return flushed ? undefined : '';
    return '';
  });
  const firewall = createFirewall(node.run);
  await firewall.ensure(NODE, signal);
  const changes = () => node.lines.splice(0).filter((line) => /nft -f|-restore|-I /.test(line));
  expect(changes()).toEqual([
    'nft -f - < table ip skerry {',
    'iptables-restore -w --noflush < *filter',
    'iptables -w -t filter -I FORWARD 1 -j SKERRY-FORWARD',
    'iptables-restore -w --noflush < *filter',
    'iptables -w -t filter -I INPUT 1 -j SKERRY-INPUT',
  ]);
  flushed = false;
  await firewall.ensure(NODE, signal);
  expect(changes()).toEqual([]);
});

test('whoever changes FORWARD or INPUT is noticed by two small processes, and what stands is not', async () => {
  const { signal } = new AbortController();
  const chains = { FORWARD: ['-P FORWARD DROP'], INPUT: ['-P INPUT ACCEPT'] };
  const node = tools((line) => {
    const [, name] = /^iptables -w -S (FORWARD|INPUT)$/.exec(line) ?? [];
    if (name === 'FORWARD' || name === 'INPUT') return chains[name].join('\n');
    if (line.includes(' -C ')) return chains.FORWARD.length > 1 ? '' : undefined;
    if (line.includes(' -I FORWARD ')) chains.FORWARD.push('-A FORWARD -j SKERRY-FORWARD');
    return line.startsWith('cat') ? '1\n' : '';
  });
  const firewall = createFirewall(node.run);
  const checkChanged = async (expected: boolean) => {
    node.lines.length = 0;
    expect(await firewall.isChanged(signal)).toBe(expected);
    expect(node.lines.length).toBeLessThanOrEqual(2);
  };
  await checkChanged(false);
  await firewall.ensure(NODE, signal);
  // What it has changed itself is looked at once more: between its look and its change may be another's.
  await checkChanged(true);
  await firewall.ensure(NODE, signal);
  await checkChanged(false);
  chains.FORWARD.length = 1;
  await checkChanged(true);
  await firewall.ensure(NODE, signal);
  expect(chains.FORWARD).toHaveLength(2);
  await firewall.ensure(NODE, signal);
  await checkChanged(false);
  chains.INPUT.unshift('-P INPUT DROP');
  await checkChanged(true);
});

test('forwarding that was off is turned on last, behind a guard', async () => {
  const { signal } = new AbortController();
  const node = tools((line) => {
    if (line.startsWith('cat')) return '0\n';
    if (line.startsWith('iptables -w -S')) return `-P ${line.split(' ').at(-1)} ACCEPT\n`;
    return line.startsWith('nft list') ? undefined : '';
  });
  await createFirewall(node.run).ensure(NODE, signal);
  expect(node.lines.at(-1)).toBe('tee /proc/sys/net/ipv4/ip_forward < 1');
  expect(node.lines.some((line) => line.startsWith('iptables-restore'))).toBe(false);
});

test('where nft is refused, iptables does it all', async () => {
  const { signal } = new AbortController();
  const node = tools((line) => {
    if (line.startsWith('cat')) return '1\n';
    if (line === 'iptables -w -S INPUT') return '-P INPUT ACCEPT\n';
    return line.startsWith('nft') || line.includes(' -C ') ? undefined : '';
  });
  await createFirewall(node.run).ensure(NODE, signal);
  expect(node.lines.filter((line) => line.startsWith('iptables'))).toEqual([
    'iptables-save',
    'iptables-nft-save',
    'iptables-legacy-save',
    'iptables -w -S FORWARD',
    'iptables -w -S INPUT',
    'iptables-restore -w --noflush < *nat',
    'iptables -w -t nat -I POSTROUTING 1 -j SKERRY-POSTROUTING',
    'iptables -w -t nat -I PREROUTING 1 -j SKERRY-PORTS',
    'iptables -w -t nat -I OUTPUT 1 -j SKERRY-PORTS',
    'iptables-restore -w --noflush < *filter',
    'iptables -w -t filter -I FORWARD 1 -j SKERRY-FORWARD',
  ]);
});

test('a guard of iptables outlives the agent that put it up', async () => {
  const { signal } = new AbortController();
  const restored: string[] = [];
  const run: Command = async (file, args, input) => {
    const line = [file, ...args].join(' ');
    if (line.startsWith('cat')) return '1\n';
    if (file === 'nft') throw new SkerryError('ToolMissing', line);
    if (input.startsWith('*filter')) restored.push(input);
    return '';
  };
  await createFirewall(run).ensure(NODE, signal);
  expect(restored).toEqual([forwardRulesGuarded()]);
});

test('asked twice at once, while an engine turns forwarding on, it keeps its guard', async () => {
  const { signal } = new AbortController();
  const made: string[] = [];
  let reads = 0;
  const run: Command = async (file, args, input) => {
    const line = [file, ...args].join(' ');
    if (line.startsWith('cat')) return (reads += 1) === 1 ? '0\n' : '1\n';
    if (line.startsWith('nft list')) throw new SkerryError('CommandFailed', line);
    if (line === 'nft -f -') made.push(input);
    return line === 'iptables -w -S FORWARD' ? '-P FORWARD ACCEPT\n' : '';
  };
  const firewall = createFirewall(run);
  await Promise.all([firewall.ensure(NODE, signal), firewall.ensure(NODE, signal)]);
  expect(made).toEqual([nftRules(NODE, true), nftRules(NODE, true)]);
});

const DOCKERS = '*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\nCOMMIT\n';
const NOBODYS = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m comment --comment DOCKER -j ACCEPT\nCOMMIT\n';

test.each([
  ['legacy', { iptables: NOBODYS, 'iptables-nft': NOBODYS, 'iptables-legacy': DOCKERS }, 'iptables-legacy'],
  ['nft', { iptables: NOBODYS, 'iptables-nft': DOCKERS, 'iptables-legacy': NOBODYS }, 'iptables-nft'],
  ['the plain one and its double', { iptables: DOCKERS, 'iptables-nft': DOCKERS, 'iptables-legacy': NOBODYS }, 'iptables'],
  ['none', { iptables: NOBODYS, 'iptables-nft': NOBODYS, 'iptables-legacy': NOBODYS }, 'iptables'],
  ['legacy, where there is no other', { 'iptables-legacy': DOCKERS }, 'iptables-legacy'],
  ['none, as no tool is there', {}, 'iptables'],
])(
  'the iptables that is used is that of Docker’s chains: in %s',
  async (_, saved: Readonly<Record<string, string>>, expected) => {
    const { signal } = new AbortController();
    const ran: string[] = [];
    const run: Command = async (file) => {
      ran.push(file);
      if (!file.endsWith('-save')) return '';
      const listing = saved[file.replace('-save', '')];
      if (listing === undefined) throw new SkerryError('ToolMissing', file);
      return listing;
    };
    const chosen = await chooseIptables(run, signal);
    ran.length = 0;
    for (const file of ['iptables', 'iptables-restore', 'nft', 'iptables-apply']) await chosen(file, [], '', signal);
    expect(ran).toEqual([expected, `${expected}-restore`, 'nft', 'iptables-apply']);
  },
);

test('a tool may read its input, open it by name, or not look at it at all', async () => {
  const { signal } = new AbortController();
  const text = 'a line\n'.repeat(20_000);
  expect(await runCommand('cat', [], text, signal)).toBe(text);
  expect(await runCommand('cat', ['/dev/stdin'], text, signal)).toBe(text);
  expect(await runCommand('true', [], text, signal)).toBe('');
  await expect(runCommand('cat', ['/nowhere'], text, signal)).rejects.toThrow('cat /nowhere: cat: /nowhere: No such file');
  await expect(runCommand('skerry-no-such-tool', [], '', signal)).rejects.toMatchObject({ code: 'ToolMissing' });
});
