/** Reviews of authorization.k8s.io: may this user, or may I, do that? */
import { invalid, required, type FieldError } from '../../field-error.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../generated/types.ts';
import type { Resource } from '../../resource.ts';
import { asGiven } from '../check.ts';
import { validateLabelTerms, validateOperands } from '../workload/validate-selector.ts';
import { computedResource, withoutMetadata } from './computed.ts';

export type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from '../../generated/types.ts';

const AUTHORIZATION = 'authorization.k8s.io';

export const subjectAccessReviewResource: Resource = computedResource<SubjectAccessReview>({
  group: AUTHORIZATION,
  kind: 'SubjectAccessReview',
  namespaced: false,
  validate: (review) => [...validateAttributes(review.spec), ...validateSubject(review.spec), ...withoutMetadata(review)],
});

export const selfSubjectAccessReviewResource: Resource = computedResource<SelfSubjectAccessReview>({
  group: AUTHORIZATION,
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
  validate: (review) => [...validateAttributes(review.spec), ...withoutMetadata(review)],
});

export const localSubjectAccessReviewResource: Resource = computedResource<LocalSubjectAccessReview>({
  group: AUTHORIZATION,
  kind: 'LocalSubjectAccessReview',
  namespaced: true,
  validate: (review) => [
    ...validateAttributes(review.spec),
    ...validateSubject(review.spec),
    ...withoutMetadata(review),
    ...validatePlace(review),
  ],
});

export const selfSubjectRulesReviewResource: Resource = computedResource<SelfSubjectRulesReview>({
  group: AUTHORIZATION,
  kind: 'SelfSubjectRulesReview',
  namespaced: false,
  validate: () => [],
});

function validateAttributes(spec: SubjectAccessReviewSpec): readonly FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = asGiven({ ...spec });
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined)
    return [
      invalid('spec.nonResourceAttributes', nonResourceAttributes, 'cannot be specified in combination with resourceAttributes'),
    ];
  if (resourceAttributes !== undefined) {
    const { fieldSelector, labelSelector } = asGiven({ ...resourceAttributes });
    const path = 'spec.resourceAttributes';
    return [
      ...validateSelector(fieldSelector, `${path}.fieldSelector`, (key, _, at) =>
        key === '' ? [required(`${at}.key`, 'must be specified')] : [],
      ),
      ...validateSelector(labelSelector, `${path}.labelSelector`, validateLabelTerms),
    ];
  }
  if (nonResourceAttributes !== undefined) return [];
  return [
    invalid('spec.resourceAttributes', undefined, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
  ];
}

/** Roles know no selectors, so answers are the same with them; one that makes no sense is told as upstream's server does. Operators of later releases are taken. */
function validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  path: string,
  validateTerms: (key: string, values: readonly string[], path: string) => readonly FieldError[],
): readonly FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = '', requirements = [] } = asGiven({ ...selector });
  const isRaw = rawSelector !== '';
  if (!isRaw && requirements.length === 0)
    return [required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`)];
  return [
    ...(isRaw && requirements.length > 0
      ? [invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements')]
      : []),
    ...requirements.flatMap((requirement, index) => {
      const { key = '', operator = '', values = [] } = asGiven({ ...requirement });
      const at = `${path}.requirements[${index}]`;
      return [...validateOperands(operator, values, at), ...validateTerms(key, values, at)];
    }),
  ];
}

function validateSubject(spec: SubjectAccessReviewSpec): readonly FieldError[] {
  const { user = '', groups = [] } = asGiven({ ...spec });
  return user === '' && groups.length === 0
    ? [invalid('spec.user', user, 'at least one of user or group must be specified')]
    : [];
}

function validatePlace({ metadata, spec }: LocalSubjectAccessReview): readonly FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = asGiven({ ...spec });
  const namespace = resourceAttributes?.namespace ?? '';
  return [
    ...(resourceAttributes !== undefined && namespace !== metadata.namespace
      ? [invalid('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace')]
      : []),
    ...(nonResourceAttributes === undefined
      ? []
      : [invalid('spec.nonResourceAttributes', nonResourceAttributes, 'disallowed on this kind of request')]),
  ];
}
