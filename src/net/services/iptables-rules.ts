import { remember } from '#lib/remember.ts';
import { LED_MARK } from '../wire/rules.ts';
import { INTERFACE_PREFIX } from '../wire/veth.ts';
import type { Ruleset } from './ruleset.ts';
import type { RulesTool } from './rules-tool.ts';
import { NOT_NODE_ADDRESSES, localBackends } from './rule-names.ts';
import { createServiceChains, type LeadingChain, type ServiceChains, type Way } from './service-chains.ts';
import type { ServiceTable } from './service-table.ts';
import type { Frontend } from './udp-zones.ts';

/** The same as nft-rules.ts in the words of iptables. Chains are named `<table> <chain>`; what is a map's element there is a rule of a chain here. */
export const IPTABLES_PREFIX = 'SKERRY-SVC-';
const P = IPTABLES_PREFIX;

/** Where the kernel's own chains lead into ours. */
export const JUMPS = [
  { table: 'raw', from: ['PREROUTING', 'OUTPUT'], to: `${P}ZONE` },
  { table: 'nat', from: ['PREROUTING', 'OUTPUT'], to: `${P}LEAD` },
  { table: 'nat', from: ['POSTROUTING'], to: `${P}RETURN` },
  { table: 'filter', from: ['INPUT', 'FORWARD', 'OUTPUT'], to: `${P}CHECK` },
  { table: 'filter', from: ['INPUT'], to: `${P}STRANGERS` },
] as const;

export function createIptablesRules(): RulesTool['rules'] {
  const chainsOf = createServiceChains();
  const leading = remember(leadingChains);
  return (table, zones) => iptablesRules(table, zones, chainsOf(table), leading);
}

function iptablesRules(
  table: ServiceTable,
  zones: ReadonlyMap<Frontend, number>,
  ways: ServiceChains,
  leading: typeof leadingChains,
): Ruleset {
  const source = `-m conntrack --ctstate DNAT -j SNAT --to-source ${table.address}`;
  const lists: readonly (readonly [string, readonly string[]])[] = [
    [`nat ${P}ADDRESSES`, leads(ways.addresses)],
    [`nat ${P}NODEPORTS`, leads(ways.nodePorts)],
    [`nat ${P}SELF`, localBackends(table.ports, table.podCidr).map((own) => `-s ${own}/32 -d ${own}/32 ${source}`)],
    [`filter ${P}NOBODY`, refusals(ways.addresses)],
    [`filter ${P}NOBODY-PORTS`, refusals(ways.nodePorts)],
    [`raw ${P}ZONES`, zoneRules(zones, (address) => address !== '*')],
    [`raw ${P}ZONE-PORTS`, zoneRules(zones, (address) => address === '*')],
  ];
  return {
    sets: new Map(lists.map(([name]) => [name, ''])),
    chains: new Map([...baseChains(table), ...ways.chains.flatMap((each) => leading(each, table.clusterCidr))]),
    elements: new Map(lists.map(([name, rules]) => [name, new Map(rules.map((rule) => [rule, '']))])),
  };
}

function baseChains({ podCidr, clusterCidr, serviceCidr, address, untracked }: ServiceTable) {
  const elsewhere = NOT_NODE_ADDRESSES.map((cidr) => `-d ${cidr} -j RETURN`);
  const toNode = '-m addrtype --dst-type LOCAL';
  return [
    [
      `raw ${P}ZONE`,
      [
        ...untracked.flatMap((port) => [
          `-d ${address}/32 -p udp --dport ${port} -j CT --notrack`,
          `-s ${address}/32 -p udp --sport ${port} -j CT --notrack`,
        ]),
        `-p udp -j ${P}ZONES`,
        ...elsewhere,
        `-p udp ${toNode} -j ${P}ZONE-PORTS`,
      ],
    ],
    [`nat ${P}LEAD`, [`-j ${P}ADDRESSES`, ...elsewhere, `${toNode} -j ${P}NODEPORTS`]],
    [
      `nat ${P}RETURN`,
      [
        `-j ${P}SELF`,
        `-o ${INTERFACE_PREFIX}+ -j RETURN`,
        '-o lo -j RETURN',
        `! -s ${podCidr} -m connmark --mark ${LED_MARK}/${LED_MARK} -j MASQUERADE`,
      ],
    ],
    [
      `filter ${P}STRANGERS`,
      [
        '-i lo -j RETURN',
        `-i ${INTERFACE_PREFIX}+ -j RETURN`,
        `-d ${address}/32 -m conntrack ! --ctstate ESTABLISHED,RELATED -j DROP`,
      ],
    ],
    [
      `filter ${P}CHECK`,
      [
        `-s ${clusterCidr} -d ${clusterCidr} -m conntrack --ctstate INVALID -j DROP`,
        // A late packet of a connection that was led is not worth its end.
        `-d ${serviceCidr} -m conntrack --ctstate INVALID -j DROP`,
        `-d ${serviceCidr} -p tcp -j ${REFUSE_TCP}`,
        `-d ${serviceCidr} -j ${REFUSE}`,
        `-m conntrack ! --ctstate NEW -j RETURN`,
        `-j ${P}NOBODY`,
        ...elsewhere,
        `${toNode} -j ${P}NOBODY-PORTS`,
      ],
    ],
  ] as const;
}

const REFUSE_TCP = 'REJECT --reject-with tcp-reset';
const REFUSE = 'REJECT --reject-with icmp-port-unreachable';

function leadingChains(chain: LeadingChain, clusterCidr: string) {
  const { name, protocol, insideTo, backends, sticky } = chain;
  const inside =
    insideTo === undefined ? [] : [`-s ${clusterCidr} -g ${P}${insideTo}`, `-m addrtype --src-type LOCAL -g ${P}${insideTo}`];
  const mark = `-j CONNMARK --set-xmark ${LED_MARK}/${LED_MARK}`;
  const dnat = (at: number) => `-p ${protocol} -j DNAT --to-destination ${backends[at]?.address}:${backends[at]?.port}`;
  /** The first of n takes an nth, the next an (n-1)th of what is left, the last all of it. */
  const share = (at: number) =>
    at === backends.length - 1 ? '' : `-m statistic --mode random --probability ${(1 / (backends.length - at)).toFixed(8)} `;
  if (sticky === undefined)
    return [[`nat ${P}${name}`, [...inside, mark, ...backends.map((_, at) => share(at) + dnat(at))]] as const];
  const recent = (at: number) => `-m recent --name ${P}${sticky.names[at]} --rsource`;
  const stays = sticky.names.map((each, at) => `${recent(at)} --rcheck --seconds ${sticky.seconds} --reap -g ${P}e-${each}`);
  const goes = sticky.names.map((each, at) => `${share(at)}-g ${P}e-${each}`);
  return [
    [`nat ${P}${name}`, [...inside, mark, ...stays, ...goes]] as const,
    ...sticky.names.map((each, at) => [`nat ${P}e-${each}`, [`${recent(at)} --set ${dnat(at)}`]] as const),
  ];
}

function matchOf({ address, protocol, port }: Way): string {
  return `${address === undefined ? '' : `-d ${address}/32 `}-p ${protocol} --dport ${port}`;
}

function leads(ways: readonly Way[]): readonly string[] {
  return ways.flatMap((way) => (way.to === undefined ? [] : [`${matchOf(way)} -g ${P}${way.to}`]));
}

function refusals(ways: readonly Way[]): readonly string[] {
  const judged = ways.filter(({ otherwise }) => otherwise !== undefined);
  return judged.map((way) => {
    const refuse = way.protocol === 'tcp' ? REFUSE_TCP : REFUSE;
    return `${matchOf(way)} -j ${way.otherwise === 'drop' ? 'DROP' : refuse}`;
  });
}

function zoneRules(zones: ReadonlyMap<Frontend, number>, isHere: (address: string) => boolean): readonly string[] {
  return [...zones].flatMap(([frontend, zone]) => {
    const [address = '', port = ''] = frontend.split(':');
    const to = address === '*' ? '' : `-d ${address}/32 `;
    return isHere(address) ? [`${to}-p udp --dport ${port} -j CT --zone-orig ${zone}`] : [];
  });
}
