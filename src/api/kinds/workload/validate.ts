/** What Deployments, ReplicaSets and DaemonSets share: a selector that fits the template, rolling-update amounts, counts in the status. */
import { semanticEqual } from '../../equal.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { LabelSelector, PodTemplateSpec } from '../../generated/types.ts';
import { IMMUTABLE, NOT_NEGATIVE, percentProblems } from '../../names.ts';
import { invalidFor, NO_ERRORS } from '../check.ts';
import { validatePodTemplate } from '../pod/validate.ts';
import { matchesLabelSelector } from '../../selectors/label-selector.ts';
import { isEmptySelector, validateLabelSelector } from './validate-selector.ts';

/** The selector itself; `kind` as upstream names it in its text. */
export function validateSelector(selector: LabelSelector | undefined, kind: string): readonly FieldError[] {
  if (selector === undefined) return [required('spec.selector')];
  return [
    ...validateLabelSelector(selector, 'spec.selector'),
    ...(isEmptySelector(selector) ? [invalid('spec.selector', selector, `empty selector is invalid for ${kind}`)] : []),
  ];
}

/** The template must be one that the selector finds again; an unreadable selector has been reported already. */
export function validateTemplateLabels(selector: LabelSelector | undefined, template: PodTemplateSpec): readonly FieldError[] {
  const labels = template.metadata?.labels;
  if (selector !== undefined && (isEmptySelector(selector) || validateLabelSelector(selector, '').length > 0)) return NO_ERRORS;
  if (selector !== undefined && matchesLabelSelector(selector, labels ?? {})) return NO_ERRORS;
  const path = 'spec.template.metadata.labels';
  const why = '`selector` does not match template `labels`';
  if (labels !== undefined) return [invalid(path, labels, why)];
  // As recorded from a real server: absent labels are shown in Go's notation.
  return [{ reason: 'FieldValueInvalid', field: path, message: `Invalid value: map[string]string(nil): ${why}` }];
}

/** Pods of a controller are always started again and have no deadline of their own. */
export function validateControlledTemplate(template: PodTemplateSpec, kind: string): readonly FieldError[] {
  const path = 'spec.template';
  const policy = template.spec?.restartPolicy;
  return [
    ...validatePodTemplate(template, path),
    ...(policy === 'Always' ? [] : [notSupported(`${path}.spec.restartPolicy`, policy, ['Always'])]),
    ...(template.spec?.activeDeadlineSeconds === undefined
      ? []
      : [forbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)]),
  ];
}

export function validateSelectorUpdate(next: LabelSelector | undefined, old: LabelSelector | undefined): readonly FieldError[] {
  return semanticEqual(next, old) ? NO_ERRORS : [invalid('spec.selector', next, IMMUTABLE)];
}

/** A count or a percentage, not negative. */
export function validateAmountOrPercent(value: number | string | undefined, path: string): readonly FieldError[] {
  if (typeof value === 'string') return invalidFor(path, value, percentProblems(value));
  return (value ?? 0) >= 0 ? NO_ERRORS : [invalid(path, value, NOT_NEGATIVE)];
}

export function validateAtMostAll(value: number | string | undefined, path: string): readonly FieldError[] {
  const percent = typeof value === 'string' && percentProblems(value).length === 0 ? amountOf(value) : 0;
  return percent <= 100 ? NO_ERRORS : [invalid(path, value, 'must not be greater than 100%')];
}

/** The number in front of the percent sign, or the count. */
export function amountOf(value: number | string | undefined): number {
  if (typeof value !== 'string') return value ?? 0;
  return percentProblems(value).length === 0 ? Number(value.slice(0, -1)) : 0;
}

/** Counts of a status: none negative, none of `parts` above the whole. */
export function validateCounts(
  status: Readonly<Record<string, number | undefined>>,
  whole: string,
  parts: readonly string[],
): readonly FieldError[] {
  const total = status[whole] ?? 0;
  return [
    ...Object.entries(status).flatMap(([field, value]) =>
      value !== undefined && value < 0 ? [invalid(`status.${field}`, value, NOT_NEGATIVE)] : NO_ERRORS,
    ),
    ...parts.flatMap((field) =>
      (status[field] ?? 0) > total
        ? [invalid(`status.${field}`, status[field], `cannot be greater than status.${whole}`)]
        : NO_ERRORS,
    ),
  ];
}

/** The count of name collisions only grows: it is part of what names are made from. */
export function validateCollisions(next: number | undefined, old: number | undefined): readonly FieldError[] {
  if (old === undefined || (next !== undefined && next >= old)) return NO_ERRORS;
  return [invalid('status.collisionCount', next, 'cannot be decremented')];
}
