/** References from a pod to its own fields and to its containers' resources (the downward API). */
import { invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { ObjectFieldSelector, ResourceFieldSelector } from '../../generated/types.ts';
import { qualifiedNameProblems } from '../../names.ts';
import { canonicalQuantity, quantityProblem } from '../../quantity.ts';
import { invalidFor, NO_ERRORS } from '../check.ts';

export const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
] as const;

export const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
] as const;

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const CPU_DIVISORS = ['1m', '1'];
const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateFieldRef(
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  allowed: readonly string[],
  path: string,
): readonly FieldError[] {
  if (apiVersion === '') return [required(`${path}.apiVersion`)];
  if (fieldPath === '') return [required(`${path}.fieldPath`)];
  const subscript = /^(metadata\.(?:annotations|labels))\['([^']*)'\]$/.exec(fieldPath);
  if (subscript !== null) {
    const key = subscript[2] ?? '';
    const name = subscript[1] === 'metadata.annotations' ? key.toLowerCase() : key;
    return invalidFor(path, name, qualifiedNameProblems(name));
  }
  if (!KNOWN_FIELDS.includes(fieldPath)) {
    return [invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
  }
  return allowed.includes(fieldPath) ? NO_ERRORS : [notSupported(`${path}.fieldPath`, fieldPath, allowed)];
}

const KNOWN_FIELDS: readonly string[] = [...new Set<string>([...ENV_FIELDS, ...VOLUME_FIELDS])];

/** `inVolume`: then the container must be named. */
export function validateResourceFieldRef(
  { containerName = '', resource = '', divisor }: Partial<ResourceFieldSelector>,
  inVolume: boolean,
  path: string,
): readonly FieldError[] {
  const what =
    inVolume && containerName === ''
      ? [required(`${path}.containerName`)]
      : resource === ''
        ? [required(`${path}.resource`)]
        : RESOURCES.includes(resource) || /^(limits|requests)\.hugepages-/.test(resource)
          ? []
          : [notSupported(`${path}.resource`, resource, RESOURCES)];
  return [...what, ...validateDivisor(resource, divisor, `${path}.divisor`)];
}

function validateDivisor(resource: string, divisor: string | undefined, path: string): readonly FieldError[] {
  if (divisor === undefined || quantityProblem(divisor) !== undefined || canonicalQuantity(divisor) === '0') return NO_ERRORS;
  const kind = /\.(cpu|memory|ephemeral-storage|hugepages)/.exec(resource)?.[1];
  if (kind === undefined) return NO_ERRORS;
  const allowed = kind === 'cpu' ? CPU_DIVISORS : BYTE_DIVISORS;
  if (allowed.includes(canonicalQuantity(divisor))) return NO_ERRORS;
  const list = kind === 'cpu' ? '1m and 1' : BYTE_DIVISORS.join(', ');
  const name = kind === 'ephemeral-storage' ? 'local ephemeral storage' : kind;
  return [invalid(path, resource, `only divisor's values ${list} are supported with the ${name} resource`)];
}
