/** Reviews of authorization.k8s.io: may this user, or may I, do that? */
import { invalid, type FieldError } from '../../field-error.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../generated/types.ts';
import type { Resource } from '../../resource.ts';
import { asGiven } from '../check.ts';
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
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  return [
    invalid('spec.resourceAttributes', undefined, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
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
