import type { ResourceType } from './resource-types.ts';

/**
 * Types that every server has, under the same words for good: who asks for one needs no discovery, a round trip that is a tenth of what
 * `skerry get pods` takes. Others of the core group, which some servers do not have, are not here.
 */
export const CORE_TYPES: readonly ResourceType[] = [
  coreType('Pod', 'pods', ['po'], { categories: ['all'] }),
  coreType('Service', 'services', ['svc'], { categories: ['all'] }),
  coreType('ConfigMap', 'configmaps', ['cm']),
  coreType('Secret', 'secrets', []),
  coreType('Event', 'events', ['ev']),
  coreType('ServiceAccount', 'serviceaccounts', ['sa']),
  coreType('Namespace', 'namespaces', ['ns'], { namespaced: false }),
  coreType('Node', 'nodes', ['no'], { namespaced: false }),
];

function coreType(
  kind: string,
  plural: string,
  shortNames: readonly string[],
  { namespaced = true, categories = [] }: Partial<Pick<ResourceType, 'namespaced' | 'categories'>> = {},
): ResourceType {
  return {
    group: '',
    version: 'v1',
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced,
    shortNames,
    categories,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  };
}
