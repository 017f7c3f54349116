import { networkOf } from '#api/cluster-network.ts';
import { invalid, type FieldError } from '#api/field-error.ts';
import { contains, formatIp, networkBits, parseIp, type IpNetwork } from '#api/ip.ts';
import { isHeadless, needsClusterIp, type Service } from '#api/kinds/service.ts';
import { apiError, invalidError } from '#api/status.ts';
import type { Admission } from '#rest/admission.ts';
import { isKubernetesService } from '../controllers/service/kubernetes-service.ts';
import { ofKind, type Context } from './of-kind.ts';
import { isTaken, pickFree, reservedShare, type Pool } from './pool.ts';

/**
 * Gives a Service its cluster IP, or says why it can not have the one it asks for (pkg/registry/core/service/storage/alloc.go). This
 * cluster has one family, IPv4. The first address is that of the API and never another's, also while default/kubernetes is not there.
 */
export function clusterIpAllocator(cidr: string, random: () => number): Admission {
  const range = rangeOf(cidr);
  return ofKind<Service>('ServiceClusterIP', 'services', {
    mutate: (service, context) => withClusterIp(service, context, range, random),
    validate: (service, context) => checkAddresses(service, context, range),
  });
}

type Range = { readonly cidr: string; readonly network: IpNetwork; readonly first: bigint; readonly pool: Pool };

const KUBERNETES = 0;
const STATIC_SHARE = 16;
const STATIC_MIN = 16;
const STATIC_MAX = 256;

function rangeOf(cidr: string): Range {
  const network = networkOf(cidr);
  // Neither the network's own address nor its broadcast address.
  const first = networkBits(network.address, network.prefix) + 1n;
  const size = 2 ** (32 - network.prefix) - 2;
  const pool = {
    size,
    reserved: reservedShare(size, STATIC_SHARE, STATIC_MIN, STATIC_MAX),
    claimsOf: (member: number) => [`cluster-ip/${formatIp({ family: 4, bits: first + BigInt(member) })}`],
  };
  return { cidr, network, first, pool };
}

async function withClusterIp(
  service: Service,
  { state }: Context<Service>,
  { first, pool }: Range,
  random: () => number,
): Promise<Service> {
  const { clusterIP = '', clusterIPs = [], ipFamilies = ['IPv4'] } = service.spec ?? {};
  if (!needsClusterIp(service) || clusterIP !== '' || clusterIPs.length > 0 || ipFamilies[0] !== 'IPv4') return service;
  const member = await pickFree(pool, state, random, new Set([KUBERNETES]));
  if (member === undefined)
    throw apiError('InternalError', 'Internal error occurred: failed to allocate a serviceIP: range is full');
  const ip = formatIp({ family: 4, bits: first + BigInt(member) });
  return { ...service, spec: { ...service.spec, clusterIP: ip, clusterIPs: [ip] } };
}

async function checkAddresses(service: Service, context: Context<Service>, range: Range): Promise<void> {
  if (!needsClusterIp(service)) return;
  const families = familyErrors(service);
  const errors = families.length > 0 || isHeadless(service) ? families : await requestErrors(service, context, range);
  if (errors.length > 0) throw invalidError({ group: '', name: 'Service' }, service.metadata.name ?? '', errors);
}

/** A headless service without selector may name families that the cluster does not have. */
function familyErrors(service: Service): readonly FieldError[] {
  const { selector = {}, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec ?? {};
  if (isHeadless(service) && Object.keys(selector).length === 0) return [];
  const policy =
    ipFamilyPolicy === 'RequireDualStack'
      ? [invalid('spec.ipFamilyPolicy', ipFamilyPolicy, 'this cluster is not configured for dual-stack services')]
      : [];
  const foreign = clusterIPs.flatMap((ip, index) =>
    parseIp(ip)?.family === 6 ? [invalid(`spec.clusterIPs[${index}]`, clusterIPs, 'IPv6 is not configured on this cluster')] : [],
  );
  const families = ipFamilies.flatMap((family, index) =>
    family === 'IPv6' ? [invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')] : [],
  );
  return [...policy, ...(foreign.length > 0 ? foreign : families)];
}

/** The addresses that it did not have before. */
async function requestErrors(service: Service, { state, old }: Context<Service>, range: Range): Promise<readonly FieldError[]> {
  const isFree = async (member: number) =>
    (member !== KUBERNETES || isKubernetesService(service)) && !(await isTaken(range.pool, state, member));
  const had = old?.spec?.clusterIPs ?? [];
  const clusterIPs = service.spec?.clusterIPs ?? [];
  const errors: FieldError[] = [];
  for (const ip of clusterIPs) {
    if (had.includes(ip)) continue;
    const why = await requestProblem(ip, range, isFree);
    if (why !== undefined) errors.push(invalid('spec.clusterIPs', clusterIPs, `failed to allocate IP ${ip}: ${why}`));
  }
  return errors;
}

async function requestProblem(
  ip: string,
  range: Range,
  isFree: (member: number) => Promise<boolean>,
): Promise<string | undefined> {
  const address = parseIp(ip);
  const member = Number((address?.bits ?? 0n) - range.first);
  if (address === undefined || !contains(range.network, address) || member < 0 || member >= range.pool.size)
    return `provided IP is not in the valid range. The range of valid IPs is ${range.cidr}`;
  return (await isFree(member)) ? undefined : 'provided IP is already allocated';
}
