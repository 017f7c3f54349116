/** Names that a pod's containers see: resolvers, search domains, fixed hosts. */
import { invalid, required, type FieldError } from '../../field-error.ts';
import type { HostAlias, PodDNSConfig } from '../../generated/types.ts';
import { ipProblems } from '../../ip.ts';
import { dnsSubdomainProblems, searchDomainProblems } from '../../names.ts';
import { byteLength } from '../../text.ts';
import { at } from '../blank.ts';
import { invalidFor, NO_ERRORS } from '../check.ts';

/** Limits of libc's resolver. */
const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_LIST_BYTES_MAX = 2048;

export function validateDnsConfig(
  config: PodDNSConfig | undefined,
  policy: string | undefined,
  path: string,
): readonly FieldError[] {
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  if (policy === 'None') {
    if (config === undefined) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0) {
      return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
    }
  }
  return [
    ...(nameservers.length > NAMESERVERS_MAX
      ? [invalid(`${path}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`)]
      : []),
    ...nameservers.flatMap((address, index) => invalidFor(at(`${path}.nameservers`, index), address, ipProblems(address))),
    ...(searches.length > SEARCHES_MAX
      ? [invalid(`${path}.searches`, searches, `must not have more than ${SEARCHES_MAX} search paths`)]
      : []),
    ...(byteLength(searches.join(' ')) > SEARCH_LIST_BYTES_MAX
      ? [
          invalid(
            `${path}.searches`,
            searches,
            `must not have more than ${SEARCH_LIST_BYTES_MAX} characters (including spaces) in the search list`,
          ),
        ]
      : []),
    ...searches.flatMap((search, index) => validateSearch(search, at(`${path}.searches`, index))),
    ...options.flatMap(({ name = '' }, index) =>
      name === '' ? [required(at(`${path}.options`, index), 'must not be empty')] : [],
    ),
  ];
}

function validateSearch(search: string, path: string): readonly FieldError[] {
  if (search === '.') return NO_ERRORS;
  const domain = search.endsWith('.') ? search.slice(0, -1) : search;
  return invalidFor(path, domain, searchDomainProblems(domain));
}

export function validateHostAliases(aliases: readonly HostAlias[] | undefined, path: string): readonly FieldError[] {
  return (aliases ?? []).flatMap(({ ip = '', hostnames = [] }: Partial<HostAlias>, index) => {
    const where = at(path, index);
    return [
      ...invalidFor(`${where}.ip`, ip, ipProblems(ip)),
      ...hostnames.flatMap((name, each) => invalidFor(at(`${where}.hostnames`, each), name, dnsSubdomainProblems(name))),
    ];
  });
}
