/** Addresses that no endpoint and nothing outside the cluster may have (pkg/apis/core/validation ValidateNonSpecialIP). */
import { invalid, type FieldError } from '../../field-error.ts';
import { contains, ipProblems, parseCidr, parseIp, type IpAddress } from '../../ip.ts';
import { invalidFor } from '../check.ts';

const RANGES: readonly { readonly networks: readonly string[]; readonly why: string }[] = [
  { networks: ['0.0.0.0/32', '::/128'], why: 'may not be unspecified (0.0.0.0 or ::)' },
  { networks: ['127.0.0.0/8', '::1/128'], why: 'may not be in the loopback range (127.0.0.0/8, ::1/128)' },
  { networks: ['169.254.0.0/16', 'fe80::/10'], why: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)' },
  { networks: ['224.0.0.0/24', 'ff02::/10'], why: 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)' },
];

const SPECIAL = RANGES.map(({ networks, why }) => ({ networks: networks.flatMap((text) => parseCidr(text) ?? []), why }));

/** Also where it is no address at all. */
export function validateOrdinaryIp(ip: string, path: string): readonly FieldError[] {
  const address = parseIp(ip);
  if (address === undefined) return invalidFor(path, ip, ipProblems(ip));
  return specialitiesOf(address).map(({ why }) => invalid(path, ip, why));
}

/** One of this cluster's family that others on its networks may be told. */
export function isOrdinaryIpv4(text: string): boolean {
  const address = parseIp(text);
  return address?.family === 4 && specialitiesOf(address).length === 0;
}

function specialitiesOf(address: IpAddress) {
  return SPECIAL.filter(({ networks }) => networks.some((network) => contains(network, address)));
}
