/** ReplicaSets: the row. */
import type { ReplicaSet } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { scaleSubresource } from './workload/scale.ts';
import { validateReplicaSet, validateReplicaSetStatusUpdate } from './workload/validate-replica-set.ts';
import { validateSelectorUpdate } from './workload/validate.ts';
import {
  CONTAINERS_COLUMN,
  containerImages,
  containerNames,
  formatLabelSelector,
  IMAGES_COLUMN,
  SELECTOR_COLUMN,
} from './workload/template-cells.ts';

export type { ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus } from '../generated/types.ts';

export const replicaSetResource: Resource = defineResource<ReplicaSet>({
  id: 'replicasets.apps',
  group: 'apps',
  plural: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.apps.v1.ReplicaSet' }],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    NAME_COLUMN,
    column('Desired', 'integer', 'Pods wanted.'),
    column('Current', 'integer', 'Pods there are.'),
    column('Ready', 'integer', 'Pods that are ready.'),
    AGE_COLUMN,
    CONTAINERS_COLUMN,
    IMAGES_COLUMN,
    SELECTOR_COLUMN,
  ],
  cells: ({ metadata, spec, status }, now) => [
    metadata.name ?? '',
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    age(metadata.creationTimestamp, now),
    containerNames(spec?.template),
    containerImages(spec?.template),
    formatLabelSelector(spec?.selector),
  ],
  subresources: { status: { type: 'status' }, scale: scaleSubresource<ReplicaSet>() },
  strategy: {
    default: (set) => ({
      ...set,
      spec: {
        ...set.spec,
        // Sound: a selector that is not there is what validation reports; nothing before it reads one.
        ...({} as Pick<NonNullable<ReplicaSet['spec']>, 'selector'>),
        replicas: set.spec?.replicas ?? 1,
        template: defaultPodTemplate(set.spec?.template),
      },
      status: { ...set.status, replicas: set.status?.replicas ?? 0 },
    }),
    prepareForCreate: (set) => ({ ...set, status: { replicas: 0 } }),
    validate: validateReplicaSet,
    validateUpdate: (next, old) => validateSelectorUpdate(next.spec?.selector, old.spec?.selector),
    validateStatusUpdate: (next) => validateReplicaSetStatusUpdate(next),
    generation: 'spec',
  },
});
