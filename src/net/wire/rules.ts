import { createHash } from 'node:crypto';
import type { HostPort, NodeNetwork } from './wiring.ts';
import { INTERFACE_PREFIX } from './veth.ts';

/**
 * The node's rules as texts for nft and for iptables: masquerade what leaves the cluster, host ports, and, where this agent turned forwarding
 * on, a guard that keeps the node from routing for others. One table (or chains) of our own; nobody else's rules are read or changed.
 */
export const TABLE = 'skerry';
/** Interfaces of other things that forward on their own account, and keep their own rules. */
const OTHERS = ['docker*', 'br-*', 'virbr*', 'podman*', 'cni*', 'lxc*', 'lxdbr*'];
const OURS = `${INTERFACE_PREFIX}*`;

export function isOthersInterface(name: string): boolean {
  return OTHERS.some((pattern) => name.startsWith(pattern.replace('*', '')));
}

/** The whole table, replaced at once. The name of its empty chain tells which rules these are. */
export function nftRules(node: NodeNetwork, guard: boolean): string {
  const body = nftBody(node, guard);
  return `table ip ${TABLE} {\n}\ndelete table ip ${TABLE}\ntable ip ${TABLE} {\n  chain ${nftMark(node, guard)} {\n  }\n${body}}\n`;
}

export function nftMark(node: NodeNetwork, guard: boolean): string {
  return `v${createHash('sha256').update(nftBody(node, guard)).digest('hex').slice(0, 16)}`;
}

export const GUARD_CHAIN = 'guard';

function nftBody({ podCidr, clusterCidr, hostPorts }: NodeNetwork, guard: boolean): string {
  const ports = hostPorts.map(nftPort);
  const hairpins = [...new Set(hostPorts.map(({ address }) => address))].map(
    (address) => `ip saddr ${address} ip daddr ${address} masquerade`,
  );
  const masquerade = `ip saddr ${podCidr} ip daddr != ${clusterCidr} oifname != "${OURS}" masquerade`;
  const strangers = [OURS, ...OTHERS].flatMap((name) => [`iifname != "${name}"`, `oifname != "${name}"`]).join(' ');
  const chains = [
    chain('postrouting', 'type nat hook postrouting priority 90; policy accept;', [masquerade, ...hairpins]),
    ...(ports.length === 0
      ? []
      : [
          chain('prerouting', 'type nat hook prerouting priority -110; policy accept;', ports),
          chain(
            'output',
            'type nat hook output priority -110; policy accept;',
            ports.map((port) => `ip daddr != 127.0.0.0/8 ${port}`),
          ),
        ]),
    ...(guard
      ? [
          chain(GUARD_CHAIN, 'type filter hook forward priority 10; policy accept;', [
            'ct state established,related accept',
            'ct status dnat accept',
            `${strangers} drop`,
          ]),
        ]
      : []),
  ];
  return chains.join('');
}

function nftPort({ protocol, hostPort, hostAddress, address, port }: HostPort): string {
  const local = hostAddress === undefined ? 'fib daddr type local' : `ip daddr ${hostAddress}`;
  return `${local} ${protocol} dport ${hostPort} dnat to ${address}:${port}`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return `  chain ${name} {\n    ${hook}\n${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`;
}

export const FORWARD_CHAIN = 'SKERRY-FORWARD';
export const POSTROUTING_CHAIN = 'SKERRY-POSTROUTING';
export const PORTS_CHAIN = 'SKERRY-PORTS';

/** Accepts what goes to and from pods, for iptables-restore --noflush: a table of our own cannot overrule a drop in another's. */
export function forwardRules(): string {
  const name = `${INTERFACE_PREFIX}+`;
  return restore(
    'filter',
    [FORWARD_CHAIN],
    [`-A ${FORWARD_CHAIN} -i ${name} -j ACCEPT`, `-A ${FORWARD_CHAIN} -o ${name} -j ACCEPT`],
  );
}

/** The same as the nft table, where there is no nft. */
export function iptablesRules({ podCidr, clusterCidr, hostPorts }: NodeNetwork): string {
  const ports = hostPorts.map(({ protocol, hostPort, hostAddress, address, port }) => {
    const local = hostAddress === undefined ? '-m addrtype --dst-type LOCAL' : `-d ${hostAddress}`;
    return `-A ${PORTS_CHAIN} ${local} -p ${protocol} --dport ${hostPort} -j DNAT --to-destination ${address}:${port}`;
  });
  const hairpins = [...new Set(hostPorts.map(({ address }) => address))].map(
    (address) => `-A ${POSTROUTING_CHAIN} -s ${address}/32 -d ${address}/32 -j MASQUERADE`,
  );
  const masquerade = `-A ${POSTROUTING_CHAIN} -s ${podCidr} ! -d ${clusterCidr} ! -o ${INTERFACE_PREFIX}+ -j MASQUERADE`;
  const first = hostPorts.length === 0 ? [] : [`-A ${PORTS_CHAIN} -d 127.0.0.0/8 -j RETURN`];
  return restore('nat', [POSTROUTING_CHAIN, PORTS_CHAIN], [masquerade, ...hairpins, ...first, ...ports]);
}

export const GUARD_RULES: readonly (readonly string[])[] = [
  ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'],
  ['-m', 'conntrack', '--ctstate', 'DNAT', '-j', 'ACCEPT'],
  ...OTHERS.flatMap((name) => {
    const pattern = name.replace('*', '+');
    return [
      ['-i', pattern, '-j', 'RETURN'],
      ['-o', pattern, '-j', 'RETURN'],
    ];
  }),
  ['-j', 'DROP'],
];

/** The guard stands behind the accepts, in the same chain. */
export function forwardRulesGuarded(): string {
  const guard = GUARD_RULES.map((rule) => `-A ${FORWARD_CHAIN} ${rule.join(' ')}\n`).join('');
  return forwardRules().replace('COMMIT\n', `${guard}COMMIT\n`);
}

function restore(table: string, chains: readonly string[], rules: readonly string[]): string {
  return [`*${table}`, ...chains.map((name) => `:${name} - [0:0]`), ...rules, 'COMMIT', ''].join('\n');
}
