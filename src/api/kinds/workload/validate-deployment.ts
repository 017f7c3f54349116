/** Deployments (pkg/apis/apps/validation). */
import { forbidden, invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { Deployment, DeploymentStrategy } from '../../generated/types.ts';
import { NO_ERRORS, notNegative } from '../check.ts';
import {
  amountOf,
  validateAmountOrPercent,
  validateAtMostAll,
  validateCollisions,
  validateControlledTemplate,
  validateCounts,
  validateSelector,
  validateTemplateLabels,
} from './validate.ts';

export function validateDeployment({ spec }: Deployment): readonly FieldError[] {
  if (spec === undefined) return [required('spec')];
  const { minReadySeconds = 0, progressDeadlineSeconds: deadline } = spec;
  return [
    ...notNegative('spec.replicas', spec.replicas),
    ...validateSelector(spec.selector, 'deployment'),
    ...validateTemplateLabels(spec.selector, spec.template),
    ...validateControlledTemplate(spec.template, 'ReplicaSet'),
    ...validateStrategy(spec.strategy ?? {}),
    ...notNegative('spec.minReadySeconds', minReadySeconds),
    ...notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...notNegative('spec.progressDeadlineSeconds', deadline),
    ...(deadline !== undefined && deadline <= minReadySeconds
      ? [invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')]
      : []),
  ];
}

export function validateDeploymentStatusUpdate({ status = {} }: Deployment, old: Deployment): readonly FieldError[] {
  const {
    observedGeneration,
    replicas,
    updatedReplicas,
    readyReplicas,
    availableReplicas,
    unavailableReplicas,
    terminatingReplicas,
  } = status;
  const counts = {
    observedGeneration,
    replicas,
    updatedReplicas,
    readyReplicas,
    availableReplicas,
    unavailableReplicas,
    terminatingReplicas,
  };
  return [
    ...validateCounts(counts, 'replicas', ['updatedReplicas', 'readyReplicas', 'availableReplicas']),
    ...((availableReplicas ?? 0) > (readyReplicas ?? 0)
      ? [invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas')]
      : []),
    ...validateCollisions(status.collisionCount, old.status?.collisionCount),
  ];
}

function validateStrategy(strategy: DeploymentStrategy): readonly FieldError[] {
  const path = 'spec.strategy';
  switch (strategy.type) {
    case 'Recreate':
      return strategy.rollingUpdate === undefined
        ? NO_ERRORS
        : [forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
    case 'RollingUpdate':
      return validateRollingUpdate(strategy.rollingUpdate, `${path}.rollingUpdate`);
    default:
      return [notSupported(path, strategy, ['Recreate', 'RollingUpdate'])];
  }
}

function validateRollingUpdate(rolling: DeploymentStrategy['rollingUpdate'], path: string): readonly FieldError[] {
  if (rolling === undefined) return [required(path, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rolling;
  return [
    ...validateAmountOrPercent(maxUnavailable, `${path}.maxUnavailable`),
    ...validateAmountOrPercent(maxSurge, `${path}.maxSurge`),
    ...(amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0
      ? [invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
      : []),
    ...validateAtMostAll(maxUnavailable, `${path}.maxUnavailable`),
  ];
}
