import { SkerryError } from '#lib/error.ts';
import { ASKED_PORT } from '#net/services/ask-through-redirect.ts';
import { createServiceRules, type ServiceRules } from '#net/services/service-rules.ts';
import type { ServicePortRules, ServiceTable } from '#net/services/service-table.ts';
import type { Command } from '#net/wire/command.ts';
import { createWiring } from '#net/wire/ip-wiring.ts';
import type { HostPort } from '#net/wire/wiring.ts';
import { connect, startNetns, type Netns } from './netns.ts';
import { installOldNft } from './old-nft.ts';
import { startPeer, type Peer } from './peer.ts';

/**
 * A node with three pods, another node on its LAN with one, and a client outside, in network namespaces: what the kernel does with real packets under the
 * rules that a table gives. Every pod serves its name at TCP 8080 and UDP 5353.
 */
export type ServiceWorld = {
  readonly node: Netns;
  /** As the agent runs them on this node, with this backend. */
  readonly command: Command;
  readonly far: Netns;
  readonly client: Netns;
  readonly peers: Readonly<Record<'host' | 'a' | 'b' | 'c' | 'far' | 'client', Peer>>;
  /** The agent forgets what it has put into the kernel. */
  readonly restart: () => ServiceRules;
  readonly isStanding: () => Promise<boolean>;
  readonly ensure: (...ports: readonly ServicePortRules[]) => Promise<string>;
  readonly ensureNode: (hostPorts?: readonly HostPort[]) => Promise<void>;
  readonly stop: () => void;
};

export const BACKENDS = ['nft', 'nft 0.9.8', 'iptables', 'iptables-legacy'] as const;
export type BackendName = (typeof BACKENDS)[number];

export const A = { address: '10.32.0.1', port: 8080 };
export const B = { address: '10.32.0.2', port: 8080 };
export const C = { address: '10.32.0.3', port: 8080 };
export const FAR = { address: '10.32.0.129', port: 8080 };
export const VIP = '10.96.0.10';
/** Addresses of the node, as the client and as the other node know it. */
export const NODE = '198.51.100.1';
export const NODE_ON_LAN = '192.0.2.1';
export const CLIENT = '198.51.100.2';

export const TABLE: ServiceTable = {
  serviceCidr: '10.96.0.0/16',
  clusterCidr: '10.32.0.0/11',
  podCidr: '10.32.0.0/25',
  address: '169.254.20.10',
  ports: [],
  redirects: [
    { protocol: 'tcp', port: ASKED_PORT, toPort: 5300 },
    { protocol: 'tcp', port: 53, toPort: 5300 },
  ],
  untracked: [53],
};

const PORT: ServicePortRules = {
  key: 'default/web',
  protocol: 'tcp',
  port: 80,
  clusterIp: VIP,
  externalIps: [],
  internal: [],
  external: [],
};

export function tcp(internal: ServicePortRules['internal'], more: Partial<ServicePortRules> = {}): ServicePortRules {
  return { ...PORT, internal, external: internal, ...more };
}

export function udp(internal: ServicePortRules['internal'], more: Partial<ServicePortRules> = {}): ServicePortRules {
  const backends = internal.map(({ address }) => ({ address, port: 5353 }));
  return { ...PORT, key: 'default/dns', protocol: 'udp', port: 53, internal: backends, external: backends, ...more };
}

const { signal } = new AbortController();

export async function startServiceWorld(backend: BackendName): Promise<ServiceWorld> {
  const [node, a, b, c, far, client] = await Promise.all(Array.from({ length: 6 }, () => startNetns()));
  if (!node || !a || !b || !c || !far || !client) throw new Error('no network namespaces');
  await connect(node, NODE_ON_LAN, far, '192.0.2.2');
  await connect(node, NODE, client, CLIENT);
  await client.run('ip', 'route', 'add', 'default', 'via', NODE);
  await node.run('ip', 'route', 'add', 'default', 'via', CLIENT);
  await node.run('ip', 'route', 'add', '10.32.0.128/25', 'via', '192.0.2.2');
  await far.run('ip', 'route', 'add', '10.32.0.0/25', 'via', NODE_ON_LAN);
  await far.run('ip', 'addr', 'add', `${FAR.address}/32`, 'dev', 'lo');
  const oldNft = backend === 'nft 0.9.8' ? await installOldNft() : undefined;
  const command = oldNft?.in(node.command) ?? commandOf(backend, node.command);
  const wiring = createWiring(command);
  const ensureNode = (hostPorts: readonly HostPort[] = []) =>
    wiring.ensureNode({ podCidr: TABLE.podCidr, clusterCidr: TABLE.clusterCidr, hostPorts }, signal);
  await ensureNode();
  for (const [pod, { address }] of [
    [a, A],
    [b, B],
    [c, C],
  ] as const)
    await wiring.wire({ podUid: address, sandboxId: 's', address, pid: pod.pid }, signal);
  const named = { host: node, a, b, c, far, client };
  const start = (name: keyof typeof named) => startPeer(named[name], name);
  const peers = { host: start('host'), a: start('a'), b: start('b'), c: start('c'), far: start('far'), client: start('client') };
  for (const peer of [peers.a, peers.b, peers.c, peers.far]) {
    await peer.ask({ type: 'serve-tcp', port: 8080, address: '0.0.0.0' });
    await peer.ask({ type: 'serve-udp', port: 5353, address: '0.0.0.0' });
  }
  await peers.host.ask({ type: 'serve-tcp', port: 5300, address: '0.0.0.0' });
  const isStanding = async () => (await peers.host.ask({ type: 'ask-through-redirect', address: TABLE.address })).text === 'true';
  const create = () => createServiceRules({ run: command, isStanding });
  let rules = create();
  return {
    node,
    command,
    far,
    client,
    peers,
    isStanding,
    restart: () => (rules = create()),
    ensure: (...ports) => rules.ensure({ ...TABLE, ports }, signal),
    ensureNode,
    stop: () => {
      for (const peer of Object.values(peers)) peer.stop();
      for (const netns of Object.values(named)) netns.stop();
      oldNft?.remove();
    },
  };
}

/** Of a node that has no nft, and whose Docker uses this iptables. */
export function commandOf(backend: BackendName, run: Command): Command {
  if (backend === 'nft') return run;
  return (file, args, input, abort) => {
    if (file === 'nft') return Promise.reject(new SkerryError('ToolMissing', 'nft is not installed on this node'));
    const variant = file.replace(/^iptables(-nft|-legacy)?/, backend === 'iptables' ? 'iptables-nft' : 'iptables-legacy');
    return run(file.startsWith('iptables') ? variant : file, args, input, abort);
  };
}
