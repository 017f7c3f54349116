/**
 * Which address a pod gets: the next free one of the node's pod CIDR after the newest, so that an address rests as long as possible
 * before another pod has it. The first (the network's own name) and the last are never given.
 */
export function allocateAddress(podCidr: string, taken: Iterable<string>, newest: string | undefined): string | undefined {
  const range = rangeOf(podCidr);
  if (range === undefined) return undefined;
  const used = new Set<number>();
  for (const address of taken) used.add(numberOf(address) ?? -1);
  const size = range.last - range.first - 1;
  const start = newest === undefined ? undefined : numberOf(newest);
  const offset = start === undefined || start <= range.first || start >= range.last ? 0 : start - range.first;
  for (let step = 0; step < size; step += 1) {
    const candidate = range.first + 1 + ((offset + step) % size);
    if (!used.has(candidate)) return textOf(candidate);
  }
  return undefined;
}

export function isInside(podCidr: string, address: string): boolean {
  const range = rangeOf(podCidr);
  const value = numberOf(address);
  return range !== undefined && value !== undefined && value > range.first && value < range.last;
}

/** How many pods a CIDR has addresses for. */
export function capacityOf(podCidr: string): number {
  const range = rangeOf(podCidr);
  return range === undefined ? 0 : Math.max(0, range.last - range.first - 1);
}

function rangeOf(cidr: string): { readonly first: number; readonly last: number } | undefined {
  const [base = '', bits = ''] = cidr.split('/');
  const start = numberOf(base);
  const prefix = Number(bits);
  if (start === undefined || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const first = start - (start % size);
  return { first, last: first + size - 1 };
}

function numberOf(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function textOf(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
