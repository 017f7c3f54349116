/** Reviews of authentication.k8s.io: whose is this token, and who am I? */
import type { SelfSubjectReview, TokenReview } from '../../generated/types.ts';
import type { Resource } from '../../resource.ts';
import { computedResource, withoutMetadata } from './computed.ts';

export type { SelfSubjectReview, TokenReview, TokenReviewStatus, UserInfo } from '../../generated/types.ts';

export const AUTHENTICATION = 'authentication.k8s.io';

export const tokenReviewResource: Resource = computedResource<TokenReview>({
  group: AUTHENTICATION,
  kind: 'TokenReview',
  namespaced: false,
  validate: withoutMetadata,
});

export const selfSubjectReviewResource: Resource = computedResource<SelfSubjectReview>({
  group: AUTHENTICATION,
  kind: 'SelfSubjectReview',
  namespaced: false,
  validate: () => [],
});
