/** A Service's cluster IPs and families: they agree with each other, and once given they stay. */
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { Service } from '../../generated/types.ts';
import { ipProblems, parseIp } from '../../ip.ts';
import { IMMUTABLE } from '../../names.ts';
import { at } from '../blank.ts';
import { duplicatesOf, invalidFor, NO_ERRORS, oneOfIfSet } from '../check.ts';
import { hasHealthCheckPort, isHeadless } from './traits.ts';

const IPS = 'spec.clusterIPs';
const FAMILIES = 'spec.ipFamilies';

export function validateAddresses(service: Service): readonly FieldError[] {
  const { type, clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec ?? {};
  if (type === 'ExternalName') return NO_ERRORS;
  return [
    ...validatePair(clusterIP, clusterIPs),
    ...ipFamilies.flatMap((family, index) => oneOfIfSet(at(FAMILIES, index), family, ['IPv4', 'IPv6'])),
    ...duplicatesOf(
      ipFamilies,
      (family) => family,
      (index) => at(FAMILIES, index),
    ),
    ...oneOfIfSet('spec.ipFamilyPolicy', ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
    ...validateList(clusterIPs, ipFamilies),
  ];
}

/** The two spellings of the same address. */
function validatePair(clusterIP: string, clusterIPs: readonly string[]): readonly FieldError[] {
  if (clusterIP === '') {
    return clusterIPs.length === 0 ? NO_ERRORS : [invalid(IPS, clusterIPs, 'must be empty when `clusterIP` is not specified')];
  }
  if (clusterIPs.length === 0) return [required(IPS)];
  return clusterIPs[0] === clusterIP ? NO_ERRORS : [invalid(IPS, clusterIPs, 'first value must match `clusterIP`')];
}

function validateList(clusterIPs: readonly string[], families: readonly string[]): readonly FieldError[] {
  if (clusterIPs[0] === 'None') {
    return clusterIPs.length === 1 ? NO_ERRORS : [invalid(IPS, clusterIPs, "'None' must be the first and only value")];
  }
  const forms = clusterIPs.flatMap((ip, index) => invalidFor(at(IPS, index), ip, ipProblems(ip)));
  const many = clusterIPs.length > 2 ? [invalid(IPS, clusterIPs, 'may only hold up to 2 values')] : [];
  if (forms.length > 0) return [...forms, ...many];
  const familyOf = (ip: string): string => (parseIp(ip)?.family === 6 ? 'IPv6' : 'IPv4');
  const [first, second] = clusterIPs;
  const same = first !== undefined && second !== undefined && familyOf(first) === familyOf(second);
  const mismatches = clusterIPs.flatMap((ip, index) => {
    const family = families[index];
    return family === undefined || family === familyOf(ip)
      ? NO_ERRORS
      : [invalid(at(IPS, index), ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``)];
  });
  return [
    ...many,
    ...(same ? [invalid(IPS, clusterIPs, 'may specify no more than one IP for each IP family')] : []),
    ...mismatches,
  ];
}

export function validateServiceUpdate(next: Service, old: Service): readonly FieldError[] {
  const fixed = next.spec?.type !== 'ExternalName' && old.spec?.type !== 'ExternalName';
  const [spec, before] = [next.spec ?? {}, old.spec ?? {}];
  const both = spec.type === 'LoadBalancer' && before.type === 'LoadBalancer';
  return [
    ...(fixed && !(isHeadless(next) && isHeadless(old)) ? keptErrors(spec.clusterIPs ?? [], before.clusterIPs ?? [], IPS) : []),
    ...(fixed ? keptErrors((spec.ipFamilies ?? []).slice(0, 1), (before.ipFamilies ?? []).slice(0, 1), FAMILIES) : []),
    ...(both && spec.loadBalancerClass !== before.loadBalancerClass
      ? [invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set')]
      : []),
    ...(hasHealthCheckPort(next) && hasHealthCheckPort(old) && spec.healthCheckNodePort !== before.healthCheckNodePort
      ? [forbidden('spec.healthCheckNodePort', IMMUTABLE)]
      : []),
  ];
}

/** Values that both lists have a place for. */
function keptErrors(next: readonly string[], old: readonly string[], path: string): readonly FieldError[] {
  return old.flatMap((value, index) =>
    index < next.length && next[index] !== value ? [invalid(at(path, index), next, 'may not change once set')] : NO_ERRORS,
  );
}
