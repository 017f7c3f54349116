import { apiVersion, type Registry } from '#api/registry.ts';
import type { Resource, Subresource } from '#api/resource.ts';
import { SCALE } from './scale.ts';
import { verbsOf } from './verbs.ts';

/** Discovery documents, plain and aggregated, from the registry alone. */
export function apiVersions(): unknown {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }] };
}

export function apiGroupList(registry: Registry): unknown {
  const groups = registry.groups.filter(({ group }) => group !== '').map(({ group }) => groupOf(registry, group));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

export function apiGroup(registry: Registry, group: string): unknown {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(registry, group) };
}

function groupOf(registry: Registry, group: string): Readonly<Record<string, unknown>> {
  const versions = (registry.groups.find((entry) => entry.group === group)?.versions ?? []).map((version) => ({
    groupVersion: apiVersion(group, version),
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

export function apiResourceList(registry: Registry, group: string, version: string): unknown {
  const resources = registry.inVersion(group, version).flatMap(({ resource }) => [
    {
      name: resource.plural,
      singularName: resource.singular,
      namespaced: resource.namespaced,
      kind: resource.kind,
      verbs: verbsOf(resource, ''),
      ...namesOf(resource),
    },
    ...Object.entries(resource.subresources).map(([name, door]) => {
      const { group: ofGroup, version: ofVersion, kind } = kindOf(resource, version, door);
      const foreign = ofGroup === group && ofVersion === version ? {} : { group: ofGroup, version: ofVersion };
      return {
        name: `${resource.plural}/${name}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...foreign,
        kind,
        verbs: verbsOf(resource, name),
      };
    }),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion(group, version), resources };
}

/** KEP-3352. `door`: which of the two roots asks. */
export function aggregated(registry: Registry, door: 'api' | 'apis', version: 'v2' | 'v2beta1'): unknown {
  const groups = registry.groups.filter(({ group }) => (group === '') === (door === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((entry) => ({
        version: entry,
        freshness: 'Current',
        resources: registry.inVersion(group, entry).map(({ resource }) => aggregatedResource(resource, entry)),
      })),
    })),
  };
}

function aggregatedResource(resource: Resource, version: string): unknown {
  const { group, plural, kind, namespaced, singular } = resource;
  const subresources = Object.entries(resource.subresources).map(([name, door]) => ({
    subresource: name,
    responseKind: kindOf(resource, version, door),
    verbs: verbsOf(resource, name),
  }));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: verbsOf(resource, ''),
    ...namesOf(resource),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

function namesOf({ shortNames, categories }: Resource): Readonly<Record<string, unknown>> {
  return { ...(shortNames.length === 0 ? {} : { shortNames }), ...(categories.length === 0 ? {} : { categories }) };
}

function kindOf(
  resource: Resource,
  version: string,
  door: Subresource,
): { readonly group: string; readonly version: string; readonly kind: string } {
  if (door.type === 'scale') return SCALE;
  if (door.type === 'create' || door.type === 'computed' || door.type === 'connect')
    return { group: door.group, version: door.version, kind: door.kind };
  return { group: resource.group, version, kind: resource.kind };
}
