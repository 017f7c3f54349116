/** What a pod says about where it wants to run: affinities, tolerations, spreading. */
import { duplicate, forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../generated/types.ts';
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { asGiven, invalidFor, NO_ERRORS, oneOf, oneOfIfSet } from '../check.ts';
import { validateLabelSelector } from '../workload/validate-selector.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateAffinity(affinity: Affinity | undefined, path: string): readonly FieldError[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const nodes = `${path}.nodeAffinity`;
  return [
    ...(nodeAffinity?.[REQUIRED] === undefined ? [] : validateNodeSelector(nodeAffinity[REQUIRED], `${nodes}.${REQUIRED}`)),
    ...(nodeAffinity?.[PREFERRED] ?? []).flatMap(({ weight, preference }, index) => [
      ...validateWeight(weight, at(`${nodes}.${PREFERRED}`, index)),
      ...validateTerm(preference, false, `${at(`${nodes}.${PREFERRED}`, index)}.preference`),
    ]),
    ...(['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
      const terms = kind === 'podAffinity' ? podAffinity : podAntiAffinity;
      const where = `${path}.${kind}`;
      return [
        ...(terms?.[REQUIRED] ?? []).flatMap((term, index) => validatePodTerm(term, at(`${where}.${REQUIRED}`, index))),
        ...(terms?.[PREFERRED] ?? []).flatMap(({ weight, podAffinityTerm }, index) => [
          ...validateWeight(weight, at(`${where}.${PREFERRED}`, index)),
          ...validatePodTerm(podAffinityTerm, `${at(`${where}.${PREFERRED}`, index)}.podAffinityTerm`),
        ]),
      ];
    }),
  ];
}

export function validateTolerations(tolerations: readonly Toleration[] | undefined, path: string): readonly FieldError[] {
  return (tolerations ?? []).flatMap((toleration, index) => validateToleration(toleration, at(path, index)));
}

function validateToleration(
  { key = '', operator = '', value = '', effect = '', tolerationSeconds }: Toleration,
  path: string,
): readonly FieldError[] {
  return [
    ...(key === '' ? [] : invalidFor(`${path}.key`, key, qualifiedNameProblems(key))),
    ...(key === '' && operator !== 'Exists'
      ? [
          invalid(
            `${path}.operator`,
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
          ),
        ]
      : []),
    ...(tolerationSeconds !== undefined && effect !== 'NoExecute'
      ? [invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")]
      : []),
    ...validateTolerationOperator(operator, value, `${path}.operator`),
    ...(effect === '' ? [] : oneOfIfSet(`${path}.effect`, effect, TAINT_EFFECTS)),
  ];
}

function validateTolerationOperator(operator: string, value: string, path: string): readonly FieldError[] {
  if (operator === '' || operator === 'Equal') {
    const problems = labelValueProblems(value);
    return problems.length === 0 ? NO_ERRORS : [invalid(path, value, problems.join(';'))];
  }
  if (operator !== 'Exists') return oneOfIfSet(path, operator, ['Equal', 'Exists']);
  return value === '' ? NO_ERRORS : [invalid(path, value, "value must be empty when `operator` is 'Exists'")];
}

function validateNodeSelector({ nodeSelectorTerms = [] }: Partial<NodeSelector>, path: string): readonly FieldError[] {
  const where = `${path}.nodeSelectorTerms`;
  if (nodeSelectorTerms.length === 0) return [required(where, 'must have at least one node selector term')];
  return nodeSelectorTerms.flatMap((term, index) => validateTerm(term, true, at(where, index)));
}

/** `values`: whether label values are checked; upstream lets preferred terms name impossible ones. */
function validateTerm(term: NodeSelectorTerm | undefined, values: boolean, path: string): readonly FieldError[] {
  const { matchExpressions = [], matchFields = [] } = term ?? {};
  return [
    ...matchExpressions.flatMap((each, index) => validateExpression(each, values, at(`${path}.matchExpressions`, index))),
    ...matchFields.flatMap((each, index) => validateNodeField(each, at(`${path}.matchFields`, index))),
  ];
}

function validateExpression(
  { key = '', operator = '', values = [] }: Partial<NodeSelectorRequirement>,
  checkValues: boolean,
  path: string,
): readonly FieldError[] {
  return [
    ...validateOperator(operator, values, path),
    ...invalidFor(`${path}.key`, key, qualifiedNameProblems(key)),
    ...(checkValues
      ? values.flatMap((value, index) => invalidFor(at(`${path}.values`, index), value, labelValueProblems(value)))
      : []),
  ];
}

function validateOperator(operator: string, values: readonly string[], path: string): readonly FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? [] : [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [invalid(`${path}.operator`, operator, 'not a valid selector operator')];
  }
}

function validateNodeField(
  { key = '', operator = '', values = [] }: Partial<NodeSelectorRequirement>,
  path: string,
): readonly FieldError[] {
  const operates = operator === 'In' || operator === 'NotIn';
  return [
    ...(operates && values.length !== 1
      ? [required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")]
      : []),
    ...(operates ? [] : [invalid(`${path}.operator`, operator, 'not a valid selector operator')]),
    ...(key === 'metadata.name'
      ? values.flatMap((value, index) => invalidFor(at(`${path}.values`, index), value, dnsSubdomainProblems(value)))
      : [invalid(`${path}.key`, key, 'not a valid field selector key')]),
  ];
}

function validateWeight(weight: number | undefined, path: string): readonly FieldError[] {
  const value = weight ?? 0;
  return value >= 1 && value <= 100 ? NO_ERRORS : [invalid(`${path}.weight`, value, 'must be in the range 1-100')];
}

function validatePodTerm(term: Partial<PodAffinityTerm> | undefined, path: string): readonly FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term ?? {};
  return [
    ...validateLabelSelector(labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...namespaces.flatMap((name) => invalidFor(`${path}.namespace`, name, dnsLabelProblems(name))),
    ...(topologyKey === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
    ...invalidFor(`${path}.topologyKey`, topologyKey, qualifiedNameProblems(topologyKey)),
  ];
}

export function validateSpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
): readonly FieldError[] {
  const list = constraints ?? [];
  return list.flatMap((constraint, index) => {
    const where = at(path, index);
    const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', minDomains } = asGiven(constraint);
    const repeated = list
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    return [
      ...(maxSkew > 0 ? [] : [invalid(`${where}.maxSkew`, maxSkew, 'must be greater than zero')]),
      ...(topologyKey === ''
        ? [required(`${where}.topologyKey`, 'can not be empty')]
        : invalidFor(`${where}.topologyKey`, topologyKey, qualifiedNameProblems(topologyKey))),
      ...oneOf(`${where}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']),
      ...(repeated ? [duplicate(`${where}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`)] : []),
      ...(minDomains === undefined || minDomains > 0
        ? []
        : [invalid(`${where}.minDomains`, minDomains, 'must be greater than zero')]),
      ...(minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule'
        ? [
            invalid(
              `${where}.minDomains`,
              minDomains,
              `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
            ),
          ]
        : []),
      ...oneOfIfSet(`${where}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, ['Honor', 'Ignore']),
      ...oneOfIfSet(`${where}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, ['Honor', 'Ignore']),
      ...validateLabelSelector(constraint.labelSelector, `${where}.labelSelector`),
    ];
  });
}
