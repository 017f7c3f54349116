/** Label selectors, as k8s.io/apimachinery/pkg/apis/meta/v1/validation. What selects objects in a request is src/api/selectors' affair. */
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../../generated/types.ts';
import { labelValueProblems, qualifiedNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { invalidFor } from '../check.ts';
import { validateLabels } from '../meta.ts';

export function validateLabelSelector(selector: LabelSelector | undefined, path: string): readonly FieldError[] {
  const { matchLabels, matchExpressions = [] } = selector ?? {};
  return [
    ...validateLabels(matchLabels, `${path}.matchLabels`),
    ...matchExpressions.flatMap((requirement, index) => validateRequirement(requirement, at(`${path}.matchExpressions`, index))),
  ];
}

export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

function validateRequirement(
  { key = '', operator = '', values = [] }: Partial<LabelSelectorRequirement>,
  path: string,
): readonly FieldError[] {
  return [
    ...validateOperands(operator, values, path),
    ...(OPERATORS.has(operator) ? [] : [invalid(`${path}.operator`, operator, 'not a valid selector operator')]),
    ...validateLabelTerms(key, values, path),
  ];
}

/** The key and the values of a requirement. */
export function validateLabelTerms(key: string, values: readonly string[], path: string): readonly FieldError[] {
  return [
    ...invalidFor(`${path}.key`, key, qualifiedNameProblems(key)),
    ...values.flatMap((value, index) => invalidFor(at(`${path}.values`, index), value, labelValueProblems(value))),
  ];
}

const OPERATORS: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/** Whether the operator may have these; of one that is not known nothing is said. */
export function validateOperands(operator: string, values: readonly string[], path: string): readonly FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0 ? [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")] : [];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    default:
      return [];
  }
}
