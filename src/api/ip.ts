/** IP addresses and networks as numbers: strict text forms only (no leading zeros, no zone), as Go's net/netip. Opens no socket. */
export type IpAddress = { readonly family: 4 | 6; readonly bits: bigint };
export type IpNetwork = { readonly address: IpAddress; readonly prefix: number };

const IP_PROBLEM = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const CIDR_PROBLEM = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const WIDTH = { 4: 32, 6: 128 } as const;

export function parseIp(text: string): IpAddress | undefined {
  const bits = text.includes(':') ? parseV6(text) : parseV4(text);
  return bits === undefined ? undefined : { family: text.includes(':') ? 6 : 4, bits };
}

export function parseCidr(text: string): IpNetwork | undefined {
  const [, host = '', length = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parseIp(host);
  const prefix = Number(length);
  return address === undefined || prefix > WIDTH[address.family] ? undefined : { address, prefix };
}

/** Upstream's words, or nothing. */
export const ipProblems = (text: string): readonly string[] => (parseIp(text) === undefined ? [IP_PROBLEM] : []);

export const cidrProblems = (text: string): readonly string[] => (parseCidr(text) === undefined ? [CIDR_PROBLEM] : []);

export function contains(network: IpNetwork, address: IpAddress): boolean {
  return (
    network.address.family === address.family &&
    networkBits(network.address, network.prefix) === networkBits(address, network.prefix)
  );
}

/** True where they share an address. */
export function overlaps(a: IpNetwork, b: IpNetwork): boolean {
  return a.prefix <= b.prefix ? contains(a, b.address) : contains(b, a.address);
}

export function formatIp({ family, bits }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return shortest(groups);
}

/** RFC 5952: the longest run of two or more zero groups becomes `::`, the first of equals. */
function shortest(groups: readonly string[]): string {
  const runs = groups.map((_, start) => {
    const end = groups.findIndex((group, index) => index >= start && group !== '0');
    return { start, length: (end < 0 ? groups.length : end) - start };
  });
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), { start: 0, length: 1 });
  if (longest.length < 2) return groups.join(':');
  return `${groups.slice(0, longest.start).join(':')}::${groups.slice(longest.start + longest.length).join(':')}`;
}

/** The address without the bits beyond the prefix: `10.0.0.5/24` → 10.0.0.0. */
export function networkBits(address: IpAddress, prefix: number): bigint {
  const shift = BigInt(WIDTH[address.family] - prefix);
  return (address.bits >> shift) << shift;
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return undefined;
  return BigInt(parts.reduce((bits, part) => bits * 256 + Number(part), 0));
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const rest = halves[1] === undefined ? [] : groupsOf(halves[1], true);
  if (head === undefined || rest === undefined) return undefined;
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...rest].reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

/** Sixteen-bit groups; the last of them may be written as an IPv4 address. */
function groupsOf(text: string, last: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    const v4 = last && index === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
