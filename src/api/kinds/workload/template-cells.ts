/** The wide columns that every kind with a pod template shows: its containers, its images, its selector. */
import type { LabelSelector, LabelSelectorRequirement, PodTemplateSpec } from '../../generated/types.ts';
import type { Column } from '../../resource.ts';
import { orNone, wideColumn } from '../columns.ts';

export const CONTAINERS_COLUMN: Column = wideColumn('Containers', 'string', 'Names of the containers.');
export const IMAGES_COLUMN: Column = wideColumn('Images', 'string', 'Images of the containers.');
export const SELECTOR_COLUMN: Column = wideColumn('Selector', 'string', 'Labels of the pods that belong to it.');

export function containerNames(template: PodTemplateSpec | undefined): string {
  return (template?.spec?.containers ?? []).map(({ name }) => name).join(',');
}

export function containerImages(template: PodTemplateSpec | undefined): string {
  return (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(',');
}

/** As labels.Selector prints it: requirements by key, `a=b,c in (d,e),!f`; '' for one that selects everything or nothing. */
export function selectorText(selector: LabelSelector | undefined): string {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...matchExpressions.map((requirement) => ({ key: requirement.key, text: requirementText(requirement) })),
  ]
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ text }) => text)
    .join(',');
}

/** As metav1.FormatLabelSelector. */
export const formatLabelSelector = (selector: LabelSelector | undefined): string => orNone(selectorText(selector));

function requirementText({ key, operator, values = [] }: LabelSelectorRequirement): string {
  const list = `(${values.toSorted().join(',')})`;
  switch (operator) {
    case 'In':
      return `${key} in ${list}`;
    case 'NotIn':
      return `${key} notin ${list}`;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return key;
  }
}
