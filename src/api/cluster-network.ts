/** The networks and the domain that hold for the whole cluster: fixed when its database is made, and told to every node. */
import { SkerryError } from '#lib/error.ts';
import { contains, formatIp, networkBits, overlaps, parseCidr, parseIp, type IpNetwork } from './ip.ts';
import type { NetworkItem } from './link/items.ts';
import { dnsSubdomainProblems } from './names.ts';

export type ClusterNetwork = NetworkItem['spec'];

export const DEFAULT_NETWORK: ClusterNetwork = {
  clusterCIDR: '10.32.0.0/11',
  serviceCIDR: '10.96.0.0/16',
  clusterDomain: 'cluster.local',
};

/** By which each is set. */
export const NETWORK_FLAGS: Readonly<Record<keyof ClusterNetwork, string>> = {
  clusterCIDR: '--cluster-cidr',
  serviceCIDR: '--service-cidr',
  clusterDomain: '--cluster-domain',
};

/** Each node has 126 addresses for pods: 16,384 nodes out of the default range. */
export const NODE_PREFIX = 25;
const CLUSTER_PREFIX_MIN = 8;
const SERVICE_PREFIX_MIN = 12;
const SERVICE_PREFIX_MAX = 30;
/** Nothing there can be routed. */
const SPECIAL = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'];

/** What is wrong with it, or undefined. */
export const clusterCidrProblem = (text: string): string | undefined =>
  cidrProblem(text, CLUSTER_PREFIX_MIN, NODE_PREFIX, DEFAULT_NETWORK.clusterCIDR);

export const serviceCidrProblem = (text: string): string | undefined =>
  cidrProblem(text, SERVICE_PREFIX_MIN, SERVICE_PREFIX_MAX, DEFAULT_NETWORK.serviceCIDR);

export function clusterDomainProblem(text: string): string | undefined {
  const [problem] = dnsSubdomainProblems(text);
  return problem === undefined ? undefined : `"${text}": ${problem}`;
}

function cidrProblem(text: string, prefixMin: number, prefixMax: number, example: string): string | undefined {
  const network = parseCidr(text);
  if (network === undefined || network.address.family !== 4 || network.prefix < prefixMin || network.prefix > prefixMax)
    return `"${text}" must be an IPv4 network of /${prefixMin} to /${prefixMax}, such as ${example}`;
  const base = formatIp({ family: 4, bits: networkBits(network.address, network.prefix) });
  if (!text.startsWith(`${base}/`)) return `"${text}" is an address in a network: use ${base}/${network.prefix}`;
  const special = SPECIAL.find((each) => overlaps(networkOf(each), network));
  return special === undefined ? undefined : `"${text}" overlaps ${special}, where nothing can be routed`;
}

/**
 * What holds, from what was asked for and what the cluster's database keeps; `kept` undefined: it is made by this start. Throws Usage.
 */
export function settleNetwork(asked: Partial<ClusterNetwork>, kept: Partial<ClusterNetwork> | undefined): ClusterNetwork {
  const before = kept === undefined ? undefined : { ...DEFAULT_NETWORK, ...kept };
  const network = before ?? { ...DEFAULT_NETWORK, ...asked };
  for (const field of ['clusterCIDR', 'serviceCIDR', 'clusterDomain'] as const) {
    const wanted = asked[field] ?? network[field];
    if (wanted !== network[field])
      throw new SkerryError(
        'Usage',
        `start with ${NETWORK_FLAGS[field]} ${wanted}: this cluster was made with ${network[field]}, which nodes and services go by; leave the flag out or set it to ${network[field]}, or make a new cluster: in another --data-dir, or here once \`skerry uninstall --purge\` has ended this one`,
      );
  }
  const problem =
    clusterCidrProblem(network.clusterCIDR) ??
    serviceCidrProblem(network.serviceCIDR) ??
    clusterDomainProblem(network.clusterDomain);
  if (problem !== undefined) throw new SkerryError('Usage', `read the cluster's network: ${problem}`);
  if (overlaps(networkOf(network.clusterCIDR), networkOf(network.serviceCIDR)))
    throw new SkerryError(
      'Usage',
      `start with --cluster-cidr ${network.clusterCIDR} and --service-cidr ${network.serviceCIDR}: they overlap, so an address could be a pod's and a service's; choose networks that have no address in common`,
    );
  return network;
}

/**
 * For a first start, while it can still be chosen: a machine whose own node is to run pods would be refused by its own server later. `own`: networks of the machine.
 * Throws Usage.
 */
export function refuseOwnNetworks(network: ClusterNetwork, own: readonly string[]): void {
  for (const text of own)
    for (const { flag, cidr } of overlapsOf(text, network))
      throw new SkerryError(
        'Usage',
        `start with ${flag} ${cidr}: this machine is on ${text}, which overlaps it; give ${flag} another private network, in which none of your machines are`,
      );
}

/** Networks of this cluster that have addresses in common with it, each with the flag that sets it; `text` is a network or an address. */
export function overlapsOf(text: string, network: ClusterNetwork): readonly { readonly flag: string; readonly cidr: string }[] {
  const address = parseIp(text);
  const theirs = parseCidr(text);
  return (['clusterCIDR', 'serviceCIDR'] as const).flatMap((field) => {
    const ours = parseCidr(network[field]);
    const meets =
      ours !== undefined &&
      ((address !== undefined && contains(ours, address)) || (theirs !== undefined && overlaps(ours, theirs)));
    return meets ? [{ flag: NETWORK_FLAGS[field], cidr: network[field] }] : [];
  });
}

/** Of texts that were found good. Throws Usage for others. */
export function networkOf(text: string): IpNetwork {
  const network = parseCidr(text);
  if (network === undefined) throw new SkerryError('Usage', `read the network "${text}": it must be like 10.0.0.0/8`);
  return network;
}
