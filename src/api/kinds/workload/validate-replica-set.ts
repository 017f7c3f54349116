/** ReplicaSets (pkg/apis/apps/validation). */
import { invalid, required, type FieldError } from '../../field-error.ts';
import type { ReplicaSet } from '../../generated/types.ts';
import { notNegative } from '../check.ts';
import { validateControlledTemplate, validateCounts, validateSelector, validateTemplateLabels } from './validate.ts';

export function validateReplicaSet({ spec }: ReplicaSet): readonly FieldError[] {
  if (spec === undefined) return [required('spec')];
  const template = spec.template ?? {};
  return [
    ...notNegative('spec.replicas', spec.replicas),
    ...notNegative('spec.minReadySeconds', spec.minReadySeconds),
    // Upstream's text says deployment here too.
    ...validateSelector(spec.selector, 'deployment'),
    ...validateTemplateLabels(spec.selector, template),
    ...validateControlledTemplate(template, 'ReplicaSet'),
  ];
}

export function validateReplicaSetStatusUpdate({ status }: ReplicaSet): readonly FieldError[] {
  const { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration, terminatingReplicas } =
    status ?? {};
  const counts = { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration, terminatingReplicas };
  return [
    ...validateCounts(counts, 'replicas', ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
    ...((availableReplicas ?? 0) > (readyReplicas ?? 0)
      ? [invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas')]
      : []),
  ];
}
