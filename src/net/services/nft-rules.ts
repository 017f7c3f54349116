import { remember } from '#lib/remember.ts';
import { LED_MARK } from '../wire/rules.ts';
import { INTERFACE_PREFIX } from '../wire/veth.ts';
import type { Ruleset } from './ruleset.ts';
import type { RulesTool } from './rules-tool.ts';
import { NOT_NODE_ADDRESSES, localBackends } from './rule-names.ts';
import { createServiceChains, type LeadingChain, type ServiceChains, type Way } from './service-chains.ts';
import type { ServiceTable } from './service-table.ts';
import type { Frontend } from './udp-zones.ts';

/**
 * The services of a table as nft rules: a verdict map leads to a chain per service port, which picks an endpoint out of a map of its own. All names begin
 * with `svc-`; they share the node's one table with the chains of src/net/wire/rules.ts, and meet them nowhere.
 *
 * - A connection is led before routing (-105), or where the node itself opens it. Docker's ports come later (-100), host ports before (-110).
 * - What is still addressed to a service behind that (-10) has nobody who answers.
 */
export const SERVICE_PREFIX = 'svc-';
const P = SERVICE_PREFIX;
/** Clients that a set of one endpoint remembers; one more is led, but not remembered. */
const STICKY_CLIENTS_MAX = 65_535;

const MAPS: readonly (readonly [name: string, declaration: string])[] = [
  [`${P}addresses`, 'map { type ipv4_addr . inet_proto . inet_service : verdict; }'],
  [`${P}node-ports`, 'map { type inet_proto . inet_service : verdict; }'],
  [`${P}nobody`, 'map { type ipv4_addr . inet_proto . inet_service : verdict; }'],
  [`${P}nobody-ports`, 'map { type inet_proto . inet_service : verdict; }'],
  [`${P}zones`, 'map { typeof ip daddr . udp dport : ct zone; }'],
  [`${P}zone-ports`, 'map { typeof udp dport : ct zone; }'],
  [`${P}self`, 'set { type ipv4_addr . ipv4_addr; }'],
];

/** Rules for one table after the other: what is the same in both is not written again. */
export function createNftRules(): RulesTool['rules'] {
  const chainsOf = createServiceChains();
  const leading = remember(leadingChains);
  const verdict = remember(verdictOf);
  return (table, zones) => nftRules(table, zones, chainsOf(table), leading, (way) => verdict(way, undefined));
}

function nftRules(
  table: ServiceTable,
  zones: ReadonlyMap<Frontend, number>,
  ways: ServiceChains,
  leading: typeof leadingChains,
  verdict: typeof verdictOf,
): Ruleset {
  const sticky = ways.chains.flatMap(stickySets);
  return {
    sets: new Map([...MAPS, ...sticky]),
    chains: new Map([...baseChains(table), ...ways.chains.flatMap((each) => leading(each, table.clusterCidr))]),
    elements: new Map([
      [`${P}addresses`, verdicts(ways.addresses, verdict)],
      [`${P}node-ports`, verdicts(ways.nodePorts, verdict)],
      [`${P}nobody`, refusals(ways.addresses)],
      [`${P}nobody-ports`, refusals(ways.nodePorts)],
      [`${P}zones`, zoneElements(zones, (address) => address !== '*')],
      [`${P}zone-ports`, zoneElements(zones, (address) => address === '*')],
      [`${P}self`, new Map(localBackends(table.ports, table.podCidr).map((address) => [`${address} . ${address}`, '']))],
    ]),
  };
}

const TO_PORT = 'meta l4proto . th dport';
const TO_NODE = ['fib daddr type local', ...NOT_NODE_ADDRESSES.map((cidr) => `ip daddr != ${cidr}`)].join(' ');

function baseChains({ podCidr, clusterCidr, serviceCidr, address, untracked }: ServiceTable) {
  const nat = (hook: string, priority: number) => `type nat hook ${hook} priority ${priority}; policy accept;`;
  const filter = (hook: string, priority: number) => `type filter hook ${hook} priority ${priority}; policy accept;`;
  return [
    [
      `${P}zone`,
      [
        ...untracked.flatMap((port) => [
          `ip daddr ${address} udp dport ${port} notrack`,
          `ip saddr ${address} udp sport ${port} notrack`,
        ]),
        `ct original zone set ip daddr . udp dport map @${P}zones`,
        `${TO_NODE} ct original zone set udp dport map @${P}zone-ports`,
      ],
    ],
    [`${P}lead`, [`ip daddr . ${TO_PORT} vmap @${P}addresses`, `${TO_NODE} ${TO_PORT} vmap @${P}node-ports`]],
    [`${P}refuse`, ['meta l4proto tcp reject with tcp reset', 'reject with icmp type port-unreachable']],
    [
      `${P}check`,
      [
        // A late packet of a connection that was led is not worth its end.
        `ip daddr ${serviceCidr} ct state invalid drop`,
        `ip daddr ${serviceCidr} goto ${P}refuse`,
        `ct state new ip daddr . ${TO_PORT} vmap @${P}nobody`,
        `ct state new ${TO_NODE} ${TO_PORT} vmap @${P}nobody-ports`,
      ],
    ],
    [`${P}zone-in`, [filter('prerouting', -300), `jump ${P}zone`]],
    [`${P}zone-out`, [filter('output', -300), `jump ${P}zone`]],
    [`${P}lead-in`, [nat('prerouting', -105), `jump ${P}lead`]],
    [`${P}lead-out`, [nat('output', -105), `jump ${P}lead`]],
    [
      `${P}check-in`,
      [
        filter('input', -10),
        // A neighbour that routes the address here: neither names nor the API are for the LAN. Answers to the node itself are.
        `ip daddr ${address} iifname != "lo" iifname != "${INTERFACE_PREFIX}*" ct state != { established, related } drop`,
        `jump ${P}check`,
      ],
    ],
    [`${P}check-out`, [filter('output', -10), `jump ${P}check`]],
    [
      `${P}check-through`,
      [filter('forward', -10), `ip saddr ${clusterCidr} ip daddr ${clusterCidr} ct state invalid drop`, `jump ${P}check`],
    ],
    [
      `${P}return`,
      [
        nat('postrouting', 85),
        `ct status dnat ip saddr . ip daddr @${P}self snat to ${address}`,
        `ct mark and ${LED_MARK} == ${LED_MARK} ip saddr != ${podCidr} oifname != "${INTERFACE_PREFIX}*" oifname != "lo" masquerade`,
      ],
    ],
  ] as const;
}

function leadingChains({ name, protocol, insideTo, backends, sticky }: LeadingChain, clusterCidr: string) {
  const inside =
    insideTo === undefined ? [] : [`ip saddr ${clusterCidr} goto ${P}${insideTo}`, `fib saddr type local goto ${P}${insideTo}`];
  const dnat = `meta l4proto ${protocol} ct mark set ct mark or ${LED_MARK} dnat`;
  const pick = `numgen random mod ${backends.length}`;
  if (sticky !== undefined) {
    const names = sticky.names.map((each) => `${P}e-${each}`);
    const stays = sticky.names.map((each) => `ip saddr @${P}stay-${each} goto ${P}e-${each}`);
    const goes = names.length === 0 ? [] : [`${pick} vmap { ${names.map((each, at) => `${at} : goto ${each}`).join(', ')} }`];
    return [
      [`${P}${name}`, [...inside, ...stays, ...goes]] as const,
      ...sticky.names.map(
        (each, at) => [`${P}e-${each}`, [`update @${P}stay-${each} { ip saddr }`, `${dnat} to ${whole(backends[at])}`]] as const,
      ),
    ];
  }
  const [only, ...others] = backends;
  const list = backends.map(({ address, port }, at) => `${at} : ${address} . ${port}`).join(', ');
  const leads =
    only === undefined
      ? []
      : [others.length === 0 ? `${dnat} to ${whole(only)}` : `${dnat} ip addr . port to ${pick} map { ${list} }`];
  return [[`${P}${name}`, [...inside, ...leads]] as const];
}

function stickySets({ sticky }: LeadingChain) {
  const { seconds = 0, names = [] } = sticky ?? {};
  const declaration = `set { type ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; size ${STICKY_CLIENTS_MAX}; }`;
  return names.map((name) => [`${P}stay-${name}`, declaration] as const);
}

function whole(backend: { readonly address: string; readonly port: number } | undefined): string {
  return `${backend?.address}:${backend?.port}`;
}

function keyOf({ address, protocol, port }: Way): string {
  return [...(address === undefined ? [] : [address]), protocol, port].join(' . ');
}

function verdicts(ways: readonly Way[], verdict: typeof verdictOf): ReadonlyMap<string, string> {
  return new Map(ways.filter(({ to }) => to !== undefined).map(verdict));
}

function verdictOf(way: Way): readonly [string, string] {
  return [keyOf(way), `goto ${P}${way.to}`];
}

function refusals(ways: readonly Way[]): ReadonlyMap<string, string> {
  const judged = ways.filter(({ otherwise }) => otherwise !== undefined);
  return new Map(judged.map((way) => [keyOf(way), way.otherwise === 'drop' ? 'drop' : `goto ${P}refuse`]));
}

function zoneElements(zones: ReadonlyMap<Frontend, number>, isHere: (address: string) => boolean): ReadonlyMap<string, string> {
  return new Map(
    [...zones].flatMap(([frontend, zone]) => {
      const [address = '', port = ''] = frontend.split(':');
      return isHere(address) ? [[address === '*' ? port : `${address} . ${port}`, String(zone)]] : [];
    }),
  );
}
