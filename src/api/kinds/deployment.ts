/** Deployments: the row. */
import type { Deployment, DeploymentStrategy } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { isBlank } from './blank.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { scaleSubresource } from './workload/scale.ts';
import { validateDeployment, validateDeploymentStatusUpdate } from './workload/validate-deployment.ts';
import { validateSelectorUpdate } from './workload/validate.ts';
import {
  CONTAINERS_COLUMN,
  containerImages,
  containerNames,
  IMAGES_COLUMN,
  SELECTOR_COLUMN,
  selectorText,
} from './workload/template-cells.ts';

export type {
  Deployment,
  DeploymentCondition,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentStrategy,
} from '../generated/types.ts';

const HISTORY_DEFAULT = 10;
const PROGRESS_DEADLINE_SECONDS = 600;
const SURGE_DEFAULT = '25%';

export const deploymentResource: Resource = defineResource<Deployment>({
  id: 'deployments.apps',
  group: 'apps',
  plural: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.apps.v1.Deployment' }],
  fields: {},
  columns: [
    NAME_COLUMN,
    column('Ready', 'string', 'Ready pods of those wanted.'),
    column('Up-to-date', 'string', 'Pods of the current template.'),
    column('Available', 'string', 'Pods that have been ready for minReadySeconds.'),
    AGE_COLUMN,
    CONTAINERS_COLUMN,
    IMAGES_COLUMN,
    SELECTOR_COLUMN,
  ],
  cells: ({ metadata, spec, status }, now) => [
    metadata.name ?? '',
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    status?.updatedReplicas ?? 0,
    status?.availableReplicas ?? 0,
    age(metadata.creationTimestamp, now),
    containerNames(spec?.template),
    containerImages(spec?.template),
    selectorText(spec?.selector),
  ],
  subresources: { status: { type: 'status' }, scale: scaleSubresource<Deployment>() },
  strategy: {
    default: defaultDeployment,
    prepareForCreate: (deployment) => ({ ...deployment, status: {} }),
    validate: validateDeployment,
    validateUpdate: (next, old) => validateSelectorUpdate(next.spec?.selector, old.spec?.selector),
    validateStatusUpdate: validateDeploymentStatusUpdate,
    generation: 'spec',
  },
});

function defaultDeployment(deployment: Deployment): Deployment {
  const { spec } = deployment;
  return {
    ...deployment,
    spec: {
      ...spec,
      // Sound: a selector that is not there is what validation reports; nothing before it reads one.
      ...({} as Pick<NonNullable<Deployment['spec']>, 'selector'>),
      replicas: spec?.replicas ?? 1,
      template: defaultPodTemplate(spec?.template),
      strategy: defaultStrategy(spec?.strategy),
      revisionHistoryLimit: spec?.revisionHistoryLimit ?? HISTORY_DEFAULT,
      progressDeadlineSeconds: spec?.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS,
    },
    status: deployment.status ?? {},
  };
}

function defaultStrategy(strategy: DeploymentStrategy | undefined): DeploymentStrategy {
  const type = isBlank(strategy?.type) ? 'RollingUpdate' : strategy?.type;
  if (type !== 'RollingUpdate') return { ...strategy, ...(type === undefined ? {} : { type }) };
  const { maxUnavailable = SURGE_DEFAULT, maxSurge = SURGE_DEFAULT } = strategy?.rollingUpdate ?? {};
  return { ...strategy, type, rollingUpdate: { ...strategy?.rollingUpdate, maxUnavailable, maxSurge } };
}
