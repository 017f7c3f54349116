import { assert, constantFrom, integer, option, property, subarray, tuple, uniqueArray } from 'fast-check';
import { expect, test } from 'vitest';
import { difference, NO_RULES, type Ruleset } from './ruleset.ts';
import { createIptablesRules } from './iptables-rules.ts';
import { iptablesChange } from './iptables-text.ts';
import { createNftRules } from './nft-rules.ts';
import type { RulesTool } from './rules-tool.ts';
import { nftChange } from './nft-text.ts';
import { SAMPLE_TABLE } from './sample-table.ts';
import type { ServicePortRules, ServiceTable } from './service-table.ts';
import { nextZones, udpFrontends } from './udp-zones.ts';

/** Rules as data. What the kernel makes of them is seen in test/e2e/services.test.ts. */
const BACKENDS = Array.from({ length: 4 }, (_, at) => ({ address: `10.32.0.${at + 1}`, port: 8080 }));

const aPort = tuple(
  integer({ min: 1, max: 6 }),
  constantFrom('tcp' as const, 'udp' as const),
  subarray(BACKENDS),
  subarray(BACKENDS),
  constantFrom(undefined, 60),
  option(subarray(BACKENDS), { nil: undefined }),
).map(([at, protocol, internal, external, seconds, shortcut]): ServicePortRules => ({
  key: `default/service-${at}`,
  protocol,
  port: 80,
  clusterIp: `10.96.0.${at}`,
  externalIps: at === 1 ? ['192.0.2.1'] : [],
  ...(at > 3 ? { nodePort: 30_000 + at } : {}),
  ...(seconds === undefined ? {} : { affinitySeconds: seconds }),
  internal,
  external,
  ...(shortcut === undefined ? {} : { shortcut }),
}));
const aTable = uniqueArray(aPort, { maxLength: 6, selector: ({ key, protocol }) => key + protocol }).map(
  (ports): ServiceTable => ({ ...SAMPLE_TABLE, ports }),
);

const NO_ZONES = new Map<string, number>();
const WAYS = [
  ['nft', createNftRules()],
  ['iptables', createIptablesRules()],
] as const;

test.each(WAYS)('%s: nothing that a change leaves ever leads to a chain or set that is not there', (_, rules) => {
  assert(
    property(aTable, (table) => {
      const { chains, sets, elements } = rules(table, NO_ZONES);
      const names = new Set([...chains.keys(), ...sets.keys()].map((name) => name.split(' ').at(-1)));
      const texts = [...[...chains.values()].flat(), ...[...elements.values()].flatMap((list) => [...list].flat())];
      for (const text of texts)
        for (const [name] of text.matchAll(/svc-[\w-]+|SKERRY-SVC-[\w-]+/g))
          if (!text.includes(`--name ${name}`)) expect(names).toContain(name);
    }),
  );
});

test.each(WAYS)('%s: a change of one service never touches another', (_, rules) => {
  assert(
    property(aTable, aPort, (table, changed) => {
      const others = table.ports.filter(({ key }) => key !== changed.key);
      const before = rules({ ...table, ports: others }, NO_ZONES);
      const after = rules({ ...table, ports: [...others, changed] }, NO_ZONES);
      const change = difference(before, after);
      const touched = [...(change?.chains.changed ?? []), ...(change?.chains.removed ?? []), ...(change?.sets.removed ?? [])];
      expect([...touched, ...(change?.elements.removed ?? [])]).toEqual([]);
      expect(difference(after, after)).toBeUndefined();
    }),
  );
});

/** What stands after a change, by the change alone. */
function apply(from: Ruleset, to: Ruleset): Ruleset {
  const change = difference(from, to);
  if (change === undefined) return from;
  const { sets, chains, elements } = change;
  const next = {
    sets: new Map(from.sets),
    chains: new Map(from.chains),
    elements: new Map([...from.elements].map(([name, list]) => [name, new Map(list)])),
  };
  for (const { set, key } of elements.removed) next.elements.get(set)?.delete(key);
  for (const name of chains.removed) next.chains.delete(name);
  for (const name of sets.removed) next.sets.delete(name);
  for (const name of sets.added) next.sets.set(name, to.sets.get(name) ?? '');
  for (const name of [...chains.added, ...chains.changed]) next.chains.set(name, to.chains.get(name) ?? []);
  for (const { set, key, value } of elements.added) {
    const list = next.elements.get(set) ?? new Map<string, string>();
    next.elements.set(set, list.set(key, value));
  }
  return next;
}

test.each(WAYS)('%s: changes one after the other never end elsewhere than the last table', (_, rules) => {
  assert(
    property(aTable, aTable, (one, two) => {
      const wanted = rules(two, NO_ZONES);
      const reached = apply(apply(NO_RULES, rules(one, NO_ZONES)), wanted);
      expect(difference(reached, wanted)).toBeUndefined();
    }),
  );
});

test.each(WAYS)('%s: of two services after one node port the first has it, and the other when it goes', (_, rules) => {
  const port = (name: string): ServicePortRules => ({
    key: `default/${name}`,
    protocol: 'tcp',
    port: 80,
    clusterIp: `10.96.0.${name.length}`,
    externalIps: [],
    nodePort: 30_080,
    internal: BACKENDS.slice(0, name.length),
    external: BACKENDS.slice(0, name.length),
  });
  const chainOf = (...ports: readonly ServicePortRules[]) => {
    const { elements } = rules({ ...SAMPLE_TABLE, ports }, NO_ZONES);
    const list = [...(elements.get('svc-node-ports') ?? elements.get('nat SKERRY-SVC-NODEPORTS') ?? [])].flat().join(' ');
    return [...list.matchAll(/i-\w+/g)].map(String);
  };
  const [one, other] = [chainOf(port('a')), chainOf(port('bb'))];
  expect([one.length, other.length]).toEqual([1, 1]);
  expect(chainOf(port('a'), port('bb'))).toEqual(one);
  expect(chainOf(port('bb'), port('a'))).toEqual(other);
});

test('one endpoint more is three lines for nft, and two chains’ worth for iptables', () => {
  const port = (endpoints: number): ServicePortRules => ({
    key: 'default/web',
    protocol: 'tcp',
    port: 80,
    clusterIp: '10.96.0.10',
    externalIps: [],
    internal: BACKENDS.slice(0, endpoints),
    external: [],
  });
  const text = (rules: RulesTool['rules'], write: typeof nftChange) => {
    const [from, to] = [1, 2].map((count) => rules({ ...SAMPLE_TABLE, redirects: [], ports: [port(count)] }, NO_ZONES));
    const change = from === undefined || to === undefined ? undefined : difference(from, to);
    return change === undefined || to === undefined ? '' : write(change, to);
  };
  expect(text(createNftRules(), nftChange)).toBe(`flush chain ip skerry svc-i-a3fba25792598c
add table ip skerry
table ip skerry {
  chain svc-i-a3fba25792598c {
    meta l4proto tcp ct mark set ct mark or 0x08000000 dnat ip addr . port to numgen random mod 2 map { 0 : 10.32.0.1 . 8080, 1 : 10.32.0.2 . 8080 }
  }
}
add element ip skerry svc-self { 10.32.0.2 . 10.32.0.2 }
`);
  expect(text(createIptablesRules(), (change, to) => iptablesChange(change, to))).toBe(`*nat
:SKERRY-SVC-i-a3fba25792598c - [0:0]
-A SKERRY-SVC-i-a3fba25792598c -j CONNMARK --set-xmark 0x08000000/0x08000000
-A SKERRY-SVC-i-a3fba25792598c -m statistic --mode random --probability 0.50000000 -p tcp -j DNAT --to-destination 10.32.0.1:8080
-A SKERRY-SVC-i-a3fba25792598c -p tcp -j DNAT --to-destination 10.32.0.2:8080
-A SKERRY-SVC-SELF -s 10.32.0.2/32 -d 10.32.0.2/32 -m conntrack --ctstate DNAT -j SNAT --to-source 169.254.20.10
COMMIT
`);
});

test('a zone never changes but when an endpoint leaves, and is never given up while flows of it may be there', () => {
  assert(
    property(aTable, aTable, (one, two) => {
      const [before, after] = [udpFrontends(one), udpFrontends(two)];
      const zones = nextZones(new Map(), new Map(), before);
      const next = nextZones(zones, before, after);
      for (const [frontend, backends] of before) {
        const isLeft = backends.some((backend) => after.get(frontend)?.includes(backend) !== true);
        expect(next.get(frontend) !== zones.get(frontend)).toBe(isLeft);
      }
      for (const frontend of after.keys()) expect(next.get(frontend)).toBeGreaterThan(0);
    }),
  );
});

test('zones go round, and those of services that are gone are forgotten in the end', () => {
  const frontend = new Map([['10.96.0.1:53', ['a']]]);
  const other = new Map([['10.96.0.1:53', ['b']]]);
  let zones: ReadonlyMap<string, number> = new Map();
  const seen = new Set<number>();
  for (let turn = 0; turn < 600; turn += 1) {
    zones = nextZones(zones, turn % 2 === 0 ? frontend : other, turn % 2 === 0 ? other : frontend);
    seen.add(zones.get('10.96.0.1:53') ?? 0);
  }
  expect([seen.size, Math.min(...seen), Math.max(...seen)]).toEqual([254, 0x0101, 0xfefe]);
  const many = new Map(Array.from({ length: 1000 }, (_, at) => [`10.96.1.${at}:53`, ['a']]));
  expect(nextZones(new Map(), many, new Map()).size).toBe(256);
});
