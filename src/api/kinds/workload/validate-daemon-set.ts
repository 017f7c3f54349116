/** DaemonSets (pkg/apis/apps/validation). */
import { invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { DaemonSet, DaemonSetUpdateStrategy } from '../../generated/types.ts';
import { NO_ERRORS, notNegative } from '../check.ts';
import {
  amountOf,
  validateAmountOrPercent,
  validateAtMostAll,
  validateCollisions,
  validateControlledTemplate,
  validateCounts,
  validateTemplateLabels,
} from './validate.ts';
import { isEmptySelector, validateLabelSelector } from './validate-selector.ts';

export function validateDaemonSet({ spec }: DaemonSet): readonly FieldError[] {
  if (spec === undefined) return [required('spec')];
  const { selector } = spec;
  return [
    ...validateLabelSelector(selector, 'spec.selector'),
    ...validateTemplateLabels(selector, spec.template),
    ...(selector !== undefined && isEmptySelector(selector)
      ? [invalid('spec.selector', selector, 'empty selector is invalid for daemonset')]
      : []),
    ...validateControlledTemplate(spec.template, 'DaemonSet'),
    ...notNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}),
    ...notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

export function validateDaemonSetStatusUpdate(next: DaemonSet, old: DaemonSet): readonly FieldError[] {
  const { status } = next;
  const counts = {
    currentNumberScheduled: status?.currentNumberScheduled,
    numberMisscheduled: status?.numberMisscheduled,
    desiredNumberScheduled: status?.desiredNumberScheduled,
    numberReady: status?.numberReady,
    observedGeneration: status?.observedGeneration,
    updatedNumberScheduled: status?.updatedNumberScheduled,
    numberAvailable: status?.numberAvailable,
    numberUnavailable: status?.numberUnavailable,
  };
  return [
    ...validateCounts(counts, 'desiredNumberScheduled', []),
    ...validateCollisions(status?.collisionCount, old.status?.collisionCount),
  ];
}

function validateUpdateStrategy(strategy: DaemonSetUpdateStrategy): readonly FieldError[] {
  const path = 'spec.updateStrategy';
  switch (strategy.type) {
    case 'OnDelete':
      return NO_ERRORS;
    case 'RollingUpdate':
      return validateRollingUpdate(strategy.rollingUpdate, `${path}.rollingUpdate`);
    default:
      return [notSupported(path, strategy, ['RollingUpdate', 'OnDelete'])];
  }
}

/** Exactly one of the two amounts: either the old pod goes first or the new one comes first. */
function validateRollingUpdate(rolling: DaemonSetUpdateStrategy['rollingUpdate'], path: string): readonly FieldError[] {
  if (rolling === undefined) return [required(path)];
  const { maxUnavailable, maxSurge } = rolling;
  const [unavailable, surge] = [amountOf(maxUnavailable) !== 0, amountOf(maxSurge) !== 0];
  return [
    ...validateAmountOrPercent(maxUnavailable, `${path}.maxUnavailable`),
    ...validateAmountOrPercent(maxSurge, `${path}.maxSurge`),
    ...validateAtMostAll(maxUnavailable, `${path}.maxUnavailable`),
    ...validateAtMostAll(maxSurge, `${path}.maxSurge`),
    ...(unavailable && surge ? [invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')] : []),
    ...(!unavailable && !surge ? [required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')] : []),
  ];
}
