/**
 * CustomResourceDefinitions (apiextensions.k8s.io): there are none, and none can be made, for this release has no custom resources.
 * Stock clients ask for the list before they say that a kind is unknown, and Helm and operators look into it; a 404 leaves them at a loss.
 * What is not there can be deleted as often as one likes: who removes an application removes its definitions, too.
 */
import type { KubeObject } from '../object.ts';
import { defineResource, type Resource } from '../resource.ts';
import { CREATED_COLUMNS, createdCells } from './columns.ts';

export const customResourceDefinitionResource: Resource = defineResource<KubeObject>({
  id: 'customresourcedefinitions.apiextensions.k8s.io',
  group: 'apiextensions.k8s.io',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  versions: [{ version: 'v1', definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition' }],
  only: {
    verbs: ['delete', 'deletecollection', 'get', 'list', 'watch'],
    why: 'custom resources are not supported by this release of Skerry: there are no CustomResourceDefinitions, and none can be made; use the kinds that `kubectl api-resources` lists',
  },
  fields: {},
  columns: CREATED_COLUMNS,
  cells: createdCells,
  subresources: {},
  strategy: { default: (object) => object, validate: () => [], unconditionalUpdate: false },
});
