import { parseQuantity, quantityMilliValue, quantityValue } from '#api/quantity.ts';
import type { Container } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import { configError } from './config-error.ts';

/** The downward API: what a pod may know about itself, as text. */
export type PodFacts = {
  readonly address: string | undefined;
  readonly hostAddress: string | undefined;
  readonly nodeName: string;
  /** What the node offers: the value of a limit that is not set. */
  readonly allocatable: { readonly cpuMilli: number; readonly memoryBytes: number; readonly storageBytes: number };
};

export function fieldValue(item: PodItem, facts: PodFacts, path: string): string {
  const { metadata, spec } = item;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? metadata.labels : metadata.annotations)?.[keyed[2] ?? ''] ?? '';
  const ip = (spec.hostNetwork === true ? facts.hostAddress : facts.address) ?? '';
  const values: Readonly<Record<string, () => string>> = {
    'metadata.name': () => metadata.name,
    'metadata.namespace': () => metadata.namespace,
    'metadata.uid': () => metadata.uid,
    'metadata.labels': () => formatMap(metadata.labels ?? {}),
    'metadata.annotations': () => formatMap(metadata.annotations ?? {}),
    'spec.nodeName': () => facts.nodeName,
    'spec.serviceAccountName': () => spec.serviceAccountName ?? 'default',
    'status.hostIP': () => facts.hostAddress ?? '',
    'status.hostIPs': () => facts.hostAddress ?? '',
    'status.podIP': () => ip,
    'status.podIPs': () => ip,
  };
  const value = Object.hasOwn(values, path) ? values[path] : undefined;
  if (value === undefined) throw configError(`unsupported fieldPath: ${path}`);
  return value();
}

/** `limits.cpu` of a container, in units of the divisor, rounded up as upstream does. */
export function resourceValue(container: Container, facts: PodFacts, resource: string, divisor: string | undefined): string {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage)$/.exec(resource);
  if (match === null) throw configError(`unsupported container resource: ${resource}`);
  const [, kind, name = ''] = match;
  const { limits, requests } = container.resources ?? {};
  const written = kind === 'limits' ? limits?.[name] : (requests?.[name] ?? limits?.[name]);
  const unit = parseQuantity(divisor === undefined || divisor === '0' ? '1' : divisor);
  if (name === 'cpu') {
    const milli =
      written === undefined ? (kind === 'limits' ? facts.allocatable.cpuMilli : 0) : quantityMilliValue(parseQuantity(written));
    return String(Math.ceil(milli / Math.max(1, quantityMilliValue(unit))));
  }
  const offered = name === 'memory' ? facts.allocatable.memoryBytes : facts.allocatable.storageBytes;
  const bytes = written === undefined ? (kind === 'limits' ? offered : 0) : quantityValue(parseQuantity(written));
  return String(Math.ceil(bytes / Math.max(1, quantityValue(unit))));
}

/** As kubelet's fieldpath.FormatMap: sorted, quoted values, one per line. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.entries(map)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
