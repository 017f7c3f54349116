import type { PodItem } from '#api/link/items.ts';
import { DNS_ADDRESS } from '#net/dns/address.ts';

/** A pod's resolv.conf, by the kubelet's rules: the node's name server for pods that want names of the cluster, the node's own resolvers for the others, dnsConfig merged in. */
export type Resolver = {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
};

const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
/** With the spaces between them. */
const SEARCH_LIST_BYTES_MAX = 2_048;
/** Every name with fewer dots is looked for in the cluster first: `_http._tcp.web.default.svc` is one. */
const CLUSTER_OPTIONS = ['ndots:5'];
const NOTHING: Resolver = { nameservers: [], searches: [], options: [] };

export function parseResolvConf(text: string): Resolver {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const all = (...words: readonly string[]) => lines.filter(([first = '']) => words.includes(first));
  return {
    nameservers: all('nameserver').flatMap(([, address]) => (address === undefined ? [] : [address])),
    searches: all('search', 'domain').at(-1)?.slice(1) ?? [],
    options: all('options').flatMap(([, ...options]) => options),
  };
}

export function resolvConf(item: PodItem, node: Resolver, clusterDomain: string): string {
  const { dnsConfig } = item.spec;
  const base = baseOf(item, node, clusterDomain);
  const options = (dnsConfig?.options ?? []).map(({ name = '', value }) => (value === undefined ? name : `${name}:${value}`));
  const replaced = new Set(options.map(optionName));
  const nameservers = [...new Set([...base.nameservers, ...(dnsConfig?.nameservers ?? [])])].slice(0, NAMESERVERS_MAX);
  const searches = withinLimits([...new Set([...base.searches, ...(dnsConfig?.searches ?? [])])]);
  const allOptions = [...base.options.filter((option) => !replaced.has(optionName(option))), ...options];
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(allOptions.length === 0 ? [] : [`options ${allOptions.join(' ')}`]),
    '',
  ].join('\n');
}

function baseOf({ metadata, spec }: PodItem, node: Resolver, clusterDomain: string): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = spec;
  if (dnsPolicy === 'None') return NOTHING;
  if (dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true)) {
    const own = [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
    return { nameservers: [DNS_ADDRESS], searches: [...own, ...node.searches], options: CLUSTER_OPTIONS };
  }
  if (hostNetwork === true) return node;
  // A resolver on the node's loopback can not be reached from a pod's own network; the node's name server asks it as well.
  const reachable = node.nameservers.filter((address) => !/^(127\.|::1$)/.test(address));
  return { ...node, nameservers: reachable.length === 0 ? [DNS_ADDRESS] : reachable };
}

function withinLimits(searches: readonly string[]): readonly string[] {
  let bytes = 0;
  const kept = searches.slice(0, SEARCHES_MAX);
  const end = kept.findIndex((domain) => {
    bytes += domain.length + 1;
    return bytes - 1 > SEARCH_LIST_BYTES_MAX;
  });
  return end < 0 ? kept : kept.slice(0, end);
}

function optionName(option: string): string {
  return option.split(':')[0] ?? option;
}
