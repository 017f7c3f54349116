/**
 * Packs endpoints into EndpointSlices: from what there should be and the slices there are to the changes that make it so. As few slices as can be
 * are written, for each write goes to every node (k8s.io/endpointslice reconciler). Which endpoints there should be is decided elsewhere.
 */
import { semanticEqual } from '#api/equal.ts';
import {
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  type DiscoveryEndpointPort,
  type Endpoint,
  type EndpointSlice,
} from '#api/kinds/endpoint-slice.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '#api/object.ts';
import { omit } from '#api/omit.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { deleteChange, updateChange } from '../changes.ts';
import type { News } from '../controller.ts';
import { keyOf } from '../keys.ts';

export const SLICES = 'endpointslices.discovery.k8s.io';
/** Upstream keeps the time of the change that made it write, for measurements. */
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Endpoints that have the same ports: only such are in one slice. */
export type EndpointGroup = {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: readonly Endpoint[];
};

/** What all slices of a set have in common. */
export type SliceSet = {
  readonly service: string;
  readonly namespace: string;
  readonly managedBy: string;
  /** Beside those by which the set is known. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owner: OwnerReference;
  readonly endpointsMax: number;
  /** Where there are no endpoints one slice says so; without this there is then none. */
  readonly keepsOne: boolean;
};

/** Labels that users' objects do not hand down: they mean something on slices. */
const RESERVED = [SERVICE_NAME_LABEL, MANAGED_BY_LABEL, 'service.kubernetes.io/headless'] as const;

export function inheritedLabels(labels: ObjectMeta['labels'] = {}): Readonly<Record<string, string>> {
  return omit(labels, ...RESERVED);
}

/** Those of this service that this writer manages. */
export function slicesOf(view: View, namespace: string, service: string, managedBy: string): readonly EndpointSlice[] {
  // Sound: the store keeps under this resource only objects of this kind.
  return (view.list(SLICES, namespace) as readonly EndpointSlice[]).filter(
    ({ metadata: { labels = {} } }) => labels[SERVICE_NAME_LABEL] === service && labels[MANAGED_BY_LABEL] === managedBy,
  );
}

/** Of the service that a slice of this writer is of; none for others' slices. */
export function managedKey({ metadata }: KubeObject, managedBy: string): readonly string[] {
  const { labels = {}, namespace = '' } = metadata;
  const name = labels[SERVICE_NAME_LABEL];
  return name !== undefined && labels[MANAGED_BY_LABEL] === managedBy ? [keyOf({ metadata: { namespace, name } })] : [];
}

/** Somebody may have changed what is this writer's. */
export function managedKeys({ before, after }: News, managedBy: string): readonly string[] {
  return [...new Set([before, after].flatMap((slice) => (slice === undefined ? [] : managedKey(slice, managedBy))))];
}

/** A slice as it should be: one that is there, or a new one. */
type Draft = {
  readonly old: EndpointSlice | undefined;
  readonly group: Pick<EndpointGroup, 'addressType' | 'ports'>;
  readonly endpoints: readonly Endpoint[];
};

/** Creations and updates before deletions: an endpoint that moves is never in none. */
export function packSlices(
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
  set: SliceSet,
): readonly Change[] {
  const free = new Set(existing.filter(({ metadata }) => metadata.deletionTimestamp === undefined));
  const drafts = groups.flatMap((group) => packGroup(group, free, set));
  const made = drafts.filter(({ old }) => old === undefined);
  const kept = drafts.filter(({ old }) => old !== undefined);
  const all = [...kept, ...made.map((draft) => ({ ...draft, old: takeOne(free, draft.group.addressType) }))];
  if (all.length === 0 && set.keepsOne)
    all.push({ old: takeOne(free, 'IPv4'), group: { addressType: 'IPv4', ports: [] }, endpoints: [] });
  return [...all.flatMap((draft) => changeOf(draft, set)), ...[...free].map((slice) => deleteChange(SLICES, slice))];
}

/** Takes the slices of this group out of `free`, but for those that it leaves empty. */
function packGroup(group: EndpointGroup, free: Set<EndpointSlice>, { endpointsMax }: SliceSet): readonly Draft[] {
  const left = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const kept: { readonly old: EndpointSlice; endpoints: readonly Endpoint[]; readonly isChanged: boolean }[] = [];
  for (const old of free) {
    if (old.addressType !== group.addressType || !semanticEqual(old.ports, group.ports)) continue;
    const endpoints = (old.endpoints ?? []).flatMap((each) => take(left, identityOf(each))).slice(0, endpointsMax);
    if (endpoints.length === 0) continue;
    free.delete(old);
    kept.push({ old, endpoints, isChanged: !semanticEqual(endpoints, old.endpoints) });
  }
  // Those that are written anyway take in what is new; else one that has room for all of it does.
  for (const slice of kept.filter(({ isChanged }) => isChanged)) {
    slice.endpoints = [...slice.endpoints, ...takeSome(left, endpointsMax - slice.endpoints.length)];
  }
  const roomy = kept
    .filter(({ endpoints }) => left.size > 0 && endpoints.length + left.size <= endpointsMax)
    .toSorted((a, b) => b.endpoints.length - a.endpoints.length)[0];
  if (roomy !== undefined) roomy.endpoints = [...roomy.endpoints, ...takeSome(left, left.size)];
  const drafts: Draft[] = kept.map(({ old, endpoints }) => ({ old, group, endpoints }));
  while (left.size > 0) drafts.push({ old: undefined, group, endpoints: takeSome(left, endpointsMax) });
  return drafts;
}

/** One thing at one address: what it says of itself may change. */
function identityOf({ addresses, targetRef, nodeName = '' }: Endpoint): string {
  return JSON.stringify([addresses[0], targetRef?.uid ?? targetRef?.name ?? nodeName]);
}

function take(left: Map<string, Endpoint>, identity: string): readonly Endpoint[] {
  const endpoint = left.get(identity);
  left.delete(identity);
  return endpoint === undefined ? [] : [endpoint];
}

function takeSome(left: Map<string, Endpoint>, count: number): readonly Endpoint[] {
  return [...left.keys()].slice(0, Math.max(count, 0)).flatMap((identity) => take(left, identity));
}

/** An address type never changes. */
function takeOne(free: Set<EndpointSlice>, addressType: string): EndpointSlice | undefined {
  const found = [...free].find((slice) => slice.addressType === addressType);
  if (found !== undefined) free.delete(found);
  return found;
}

function changeOf({ old, group, endpoints }: Draft, set: SliceSet): readonly Change[] {
  const { addressType, ports } = group;
  const labels = { ...set.labels, [SERVICE_NAME_LABEL]: set.service, [MANAGED_BY_LABEL]: set.managedBy };
  const common = { labels, annotations: set.annotations, ownerReferences: [set.owner] };
  if (old === undefined) {
    const metadata = { generateName: `${set.service}-`, namespace: set.namespace, ...common };
    const object: KubeObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata,
      addressType,
      endpoints,
      ports,
    };
    return [{ verb: 'create', resource: SLICES, object }];
  }
  const { metadata } = old;
  const isSame =
    semanticEqual(old.endpoints, endpoints) &&
    semanticEqual(old.ports, ports) &&
    semanticEqual(metadata.labels, labels) &&
    semanticEqual(metadata.ownerReferences, common.ownerReferences) &&
    // That a change was seen later changes nothing.
    semanticEqual(withoutTime(metadata.annotations), withoutTime(set.annotations));
  return isSame ? [] : [updateChange(SLICES, old, { metadata: { ...metadata, ...common }, endpoints, ports })];
}

function withoutTime(annotations: ObjectMeta['annotations'] = {}): Readonly<Record<string, string>> {
  return omit(annotations, TRIGGER_TIME);
}
