import type { PodItem } from '#api/link/items.ts';

/** A pod's resolv.conf. Until services come, the node's own resolvers answer for pods too; dnsConfig is merged in by upstream's rules. */
export type Resolver = {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
};

const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;

export function parseResolvConf(text: string): Resolver {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const all = (word: string) => lines.filter(([first]) => first === word);
  return {
    nameservers: all('nameserver').flatMap(([, address]) => (address === undefined ? [] : [address])),
    searches: all('search').at(-1)?.slice(1) ?? [],
    options: all('options').flatMap(([, ...options]) => options),
  };
}

export function resolvConf(item: PodItem, node: Resolver): string {
  const { dnsPolicy, dnsConfig, hostNetwork } = item.spec;
  // A resolver on the node's loopback cannot be reached from a pod's own network.
  const reachable = node.nameservers.filter((address) => hostNetwork === true || !/^(127\.|::1$)/.test(address));
  const base = dnsPolicy === 'None' ? { nameservers: [], searches: [], options: [] } : { ...node, nameservers: reachable };
  const options = (dnsConfig?.options ?? []).map(({ name = '', value }) => (value === undefined ? name : `${name}:${value}`));
  const replaced = new Set(options.map(optionName));
  const nameservers = [...new Set([...base.nameservers, ...(dnsConfig?.nameservers ?? [])])].slice(0, NAMESERVERS_MAX);
  const searches = [...new Set([...base.searches, ...(dnsConfig?.searches ?? [])])].slice(0, SEARCHES_MAX);
  const allOptions = [...base.options.filter((option) => !replaced.has(optionName(option))), ...options];
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(allOptions.length === 0 ? [] : [`options ${allOptions.join(' ')}`]),
    '',
  ].join('\n');
}

function optionName(option: string): string {
  return option.split(':')[0] ?? option;
}
