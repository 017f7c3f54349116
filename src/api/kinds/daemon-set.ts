/** DaemonSets: the row. */
import { semanticEqual } from '../equal.ts';
import type { DaemonSet, DaemonSetStatus, DaemonSetUpdateStrategy } from '../generated/types.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { isBlank } from './blank.ts';
import { AGE_COLUMN, column, formatLabels, NAME_COLUMN } from './columns.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { validateDaemonSet, validateDaemonSetStatusUpdate } from './workload/validate-daemon-set.ts';
import { validateSelectorUpdate } from './workload/validate.ts';
import {
  CONTAINERS_COLUMN,
  containerImages,
  containerNames,
  formatLabelSelector,
  IMAGES_COLUMN,
  SELECTOR_COLUMN,
} from './workload/template-cells.ts';

export type {
  DaemonSet,
  DaemonSetCondition,
  DaemonSetSpec,
  DaemonSetStatus,
  DaemonSetUpdateStrategy,
} from '../generated/types.ts';

/** Counts changes of the template; clients of apps/v1 no longer use it, upstream still writes it. */
export const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';
const HISTORY_DEFAULT = 10;
const NO_STATUS: DaemonSetStatus = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

export const daemonSetResource: Resource = defineResource<DaemonSet>({
  id: 'daemonsets.apps',
  group: 'apps',
  plural: 'daemonsets',
  singular: 'daemonset',
  kind: 'DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.apps.v1.DaemonSet' }],
  fields: {},
  columns: [
    NAME_COLUMN,
    column('Desired', 'integer', 'Nodes that should run the pod.'),
    column('Current', 'integer', 'Nodes that should run the pod and do.'),
    column('Ready', 'integer', 'Nodes whose pod is ready.'),
    column('Up-to-date', 'integer', 'Nodes whose pod is of the current template.'),
    column('Available', 'integer', 'Nodes whose pod has been ready for minReadySeconds.'),
    column('Node Selector', 'string', 'Labels that a node must have to run the pod.'),
    AGE_COLUMN,
    CONTAINERS_COLUMN,
    IMAGES_COLUMN,
    SELECTOR_COLUMN,
  ],
  cells: ({ metadata, spec, status }, now) => [
    metadata.name ?? '',
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    formatLabels(spec?.template?.spec?.nodeSelector),
    age(metadata.creationTimestamp, now),
    containerNames(spec?.template),
    containerImages(spec?.template),
    formatLabelSelector(spec?.selector),
  ],
  subresources: { status: { type: 'status' } },
  strategy: {
    default: defaultDaemonSet,
    prepareForCreate: (set) => ({ ...withTemplateGeneration(set, 1), status: NO_STATUS }),
    prepareForUpdate: (next, old) => {
      const before = templateGeneration(old);
      return withTemplateGeneration(next, semanticEqual(next.spec?.template, old.spec?.template) ? before : before + 1);
    },
    validate: validateDaemonSet,
    validateUpdate: (next, old) => validateSelectorUpdate(next.spec?.selector, old.spec?.selector),
    validateStatusUpdate: validateDaemonSetStatusUpdate,
    generation: 'spec',
  },
});

function defaultDaemonSet(set: DaemonSet): DaemonSet {
  return {
    ...set,
    spec: {
      ...set.spec,
      // Sound: a selector that is not there is what validation reports; nothing before it reads one.
      ...({} as Pick<NonNullable<DaemonSet['spec']>, 'selector'>),
      template: defaultPodTemplate(set.spec?.template),
      updateStrategy: defaultUpdateStrategy(set.spec?.updateStrategy),
      revisionHistoryLimit: set.spec?.revisionHistoryLimit ?? HISTORY_DEFAULT,
    },
    status: { ...NO_STATUS, ...set.status },
  };
}

function defaultUpdateStrategy(strategy: DaemonSetUpdateStrategy | undefined): DaemonSetUpdateStrategy {
  const type = isBlank(strategy?.type) ? 'RollingUpdate' : strategy?.type;
  if (type !== 'RollingUpdate') return { ...strategy, ...(type === undefined ? {} : { type }) };
  const { maxUnavailable = 1, maxSurge = 0 } = strategy?.rollingUpdate ?? {};
  return { ...strategy, type, rollingUpdate: { ...strategy?.rollingUpdate, maxUnavailable, maxSurge } };
}

function templateGeneration({ metadata }: DaemonSet): number {
  const count = Number(metadata.annotations?.[TEMPLATE_GENERATION] ?? 1);
  return Number.isSafeInteger(count) && count > 0 ? count : 1;
}

function withTemplateGeneration(set: DaemonSet, count: number): DaemonSet {
  return {
    ...set,
    metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(count) } },
  };
}
