import { IPTABLES_PREFIX } from './iptables-rules.ts';
import type { FoundRules } from './rules-tool.ts';

/** What an earlier run of the agent has left, as iptables-save tells of it. */

/** As `<table> <chain>`. */
export function parseIptablesChains(listing: string): readonly string[] {
  let table = '';
  return listing.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, chain = ''] = /^:(\S+)/.exec(line) ?? [];
    return chain.startsWith(IPTABLES_PREFIX) ? [`${table} ${chain}`] : [];
  });
}

export function parseIptablesFound(listing: string): FoundRules {
  const rules = new Map<string, string[]>();
  for (const line of listing.split('\n')) {
    const [, chain, rule] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    if (chain === undefined || rule === undefined || !chain.startsWith(IPTABLES_PREFIX)) continue;
    const list = rules.get(chain) ?? [];
    list.push(rule);
    rules.set(chain, list);
  }
  const of = (name: string) => rules.get(`${IPTABLES_PREFIX}${name}`) ?? [];
  const frontendOf = (rule: string) => {
    const [, address = '*'] = /-d ([\d.]+)\/32/.exec(rule) ?? [];
    const [, port = ''] = /--dport (\d+)/.exec(rule) ?? [];
    return `${address}:${port}`;
  };
  const zones = [...of('ZONES'), ...of('ZONE-PORTS')].flatMap((rule) => {
    const [, zone] = /--zone-orig (\d+)/.exec(rule) ?? [];
    return zone === undefined ? [] : [[frontendOf(rule), Number(zone)] as const];
  });
  const led = [...of('ADDRESSES'), ...of('NODEPORTS')].filter((rule) => rule.includes('-p udp'));
  return {
    zones: new Map(zones),
    frontends: new Map(led.map((rule) => [frontendOf(rule), backendsOf(/-g (\S+)/.exec(rule)?.[1] ?? '', rules, 0)])),
  };
}

const DEPTH_MAX = 2;

function backendsOf(chain: string, rules: ReadonlyMap<string, readonly string[]>, depth: number): readonly string[] {
  return (rules.get(chain) ?? []).flatMap((rule) => {
    const [, backend] = /--to-destination (\S+)/.exec(rule) ?? [];
    if (backend !== undefined) return [backend];
    const [, next] = /-g (\S+)/.exec(rule) ?? [];
    return next === undefined || depth === DEPTH_MAX ? [] : backendsOf(next, rules, depth + 1);
  });
}
