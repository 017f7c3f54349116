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

/** Bit of a connection's mark, by which one that a service has led is known on its way (src/net/services): it is let through, and masqueraded where it leaves the node. */
export const LED_MARK = '0x08000000';
/** The node's own address for services, on lo: pods ask it for names and for the API. */
export const SERVICE_ADDRESS = '169.254.20.10';
/** Says who made a route: iproute2 has no name for this number, and clearing goes by it. */
export const SERVICE_ROUTES = '83';
/** The same of routes to the pods of other nodes of the LAN (src/net/routes). */
export const LAN_ROUTES = '84';

/** These chains and no others of the table, replaced at once: services have theirs beside them. */
export function nftRules(node: NodeNetwork, guard: boolean): string {
  const gone = ['add', 'flush', 'delete'].flatMap((verb) => NFT_CHAINS.map((name) => `${verb} chain ip ${TABLE} ${name}\n`));
  return `table ip ${TABLE} {\n}\n${gone.join('')}table ip ${TABLE} {\n${nftBody(node, guard)}}\n`;
}

export const GUARD_CHAIN = 'guard';
export const MASQUERADE_CHAIN = 'postrouting';
const NFT_CHAINS = [MASQUERADE_CHAIN, 'prerouting', 'output', GUARD_CHAIN];

function nftBody({ podCidr, clusterCidr, hostPorts }: NodeNetwork, guard: boolean): string {
  const ports = hostPorts.map(nftPort);
  const hairpins = [...new Set(hostPorts.map(({ address }) => address))].map(
    (address) => `ip saddr ${address} ip daddr ${address} masquerade`,
  );
  const masquerade = `ip saddr ${podCidr} ip daddr != ${clusterCidr} oifname != "${OURS}" masquerade`;
  const strangers = [OURS, ...OTHERS].flatMap((name) => [`iifname != "${name}"`, `oifname != "${name}"`]).join(' ');
  const chains = [
    chain(MASQUERADE_CHAIN, 'type nat hook postrouting priority 90; policy accept;', [masquerade, ...hairpins]),
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

/** What every chain of ours in iptables begins with. */
export const OWN_CHAINS = 'SKERRY-';
export const FORWARD_CHAIN = 'SKERRY-FORWARD';
export const INPUT_CHAIN = 'SKERRY-INPUT';
export const POSTROUTING_CHAIN = 'SKERRY-POSTROUTING';
export const PORTS_CHAIN = 'SKERRY-PORTS';

const PODS = `${INTERFACE_PREFIX}+`;
const LED = `-m connmark --mark ${LED_MARK}/${LED_MARK}`;
/** The last rule of each: where it stands, the others do. */
export const LAST_FORWARD_RULE = `${LED} -j ACCEPT`;
export const LAST_INPUT_RULE = `-i ${PODS} ${LED} -j ACCEPT`;

/** Accepts what goes to and from pods, and what a service has led, for iptables-restore --noflush: a table of our own cannot overrule a drop in another's. */
export function forwardRules(): string {
  const accepts = [`-i ${PODS}`, `-o ${PODS}`, LED].map((match) => `-A ${FORWARD_CHAIN} ${match} -j ACCEPT`);
  return restore('filter', [FORWARD_CHAIN], accepts);
}

/** The same for what pods ask the node itself: names, the API, and services that lead to it. */
export function inputRules(): string {
  const accepts = [`-d ${SERVICE_ADDRESS}/32`, LED].map((match) => `-A ${INPUT_CHAIN} -i ${PODS} ${match} -j ACCEPT`);
  return restore('filter', [INPUT_CHAIN], accepts);
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

const GUARD_RULES: readonly (readonly string[])[] = [
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
