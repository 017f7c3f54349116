import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from '#api/kinds/review/access-reviews.ts';
import type { TokenReview, TokenReviewStatus, UserInfo } from '#api/kinds/review/authentication-reviews.ts';
import type { KubeObject } from '#api/object.ts';
import { badRequestError } from '#api/status.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { Target, User } from '#rest/request.ts';
import type { Authorizer } from './authorizer.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

/** The answers of the reviews (authorization.k8s.io, authentication.k8s.io): what the authorizer and the authenticator would say. For ApiOptions.computed. */
export function reviews(authorizer: Authorizer, tokens: TokenAuthenticator): ApiOptions['computed'] {
  const subject = async ({ object }: { readonly object: KubeObject }) => {
    // Sound: the pipeline hands over what it has checked against the kind's schema, here and below.
    const { spec } = object as SubjectAccessReview | LocalSubjectAccessReview;
    const { user: name = '', groups = [], extra, uid } = spec;
    const user = { name, groups, ...(extra === undefined ? {} : { extra }), ...(uid === undefined ? {} : { uid }) };
    return { ...object, status: accessOf(authorizer, user, targetOf(spec)) };
  };
  return {
    'subjectaccessreviews.authorization.k8s.io': subject,
    'localsubjectaccessreviews.authorization.k8s.io': subject,
    'selfsubjectaccessreviews.authorization.k8s.io': async ({ object, user }) => ({
      ...object,
      status: accessOf(authorizer, user, targetOf((object as SelfSubjectAccessReview).spec)),
    }),
    'selfsubjectrulesreviews.authorization.k8s.io': async ({ object, user }) => {
      const { namespace = '' } = { ...(object as SelfSubjectRulesReview).spec };
      if (namespace === '') throw badRequestError('no namespace on request');
      return { ...object, status: rulesOf(authorizer, user, namespace) };
    },
    'selfsubjectreviews.authentication.k8s.io': async ({ object, user }) => ({ ...object, status: { userInfo: infoOf(user) } }),
    'tokenreviews.authentication.k8s.io': async ({ object }) => ({
      ...object,
      status: tokenStatus(tokens, { ...(object as TokenReview).spec }),
    }),
  };
}

type Attributes = {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
};

function targetOf({ resourceAttributes, nonResourceAttributes }: Attributes): Target {
  if (nonResourceAttributes !== undefined) {
    const { verb = '', path = '' } = nonResourceAttributes;
    return { type: 'path', verb, path };
  }
  const { verb = '', group = '', resource = '', subresource = '', namespace = '', name = '' } = { ...resourceAttributes };
  return { type: 'asked', verb, group, resource, subresource, namespace, name };
}

function accessOf(authorizer: Authorizer, user: User, target: Target): SubjectAccessReviewStatus {
  const { allowed, reason } = authorizer.decide(user, target);
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

function rulesOf(authorizer: Authorizer, user: User, namespace: string): SubjectRulesReviewStatus {
  const { rules, missing, incomplete } = authorizer.rulesOf(user, namespace);
  const problems = [...missing, ...(incomplete === undefined ? [] : [incomplete])];
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        ...(apiGroups === undefined ? {} : { apiGroups }),
        ...(resources === undefined ? {} : { resources }),
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, ...(nonResourceURLs === undefined ? {} : { nonResourceURLs }) })),
    incomplete: problems.length > 0,
    ...(problems.length === 0 ? {} : { evaluationError: problems.join(', ') }),
  };
}

function tokenStatus(
  tokens: TokenAuthenticator,
  { token = '', audiences = [] }: Partial<TokenReview['spec']>,
): TokenReviewStatus {
  if (token === '') throw badRequestError('token is required for TokenReview in authentication');
  const found = tokens.identify(token, audiences.length === 0 ? undefined : audiences);
  if ('refused' in found) return { user: {}, error: found.refused };
  return { authenticated: true, user: infoOf(found.user), audiences: found.audiences };
}

function infoOf({ name, uid, groups, extra }: User): UserInfo {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  };
}
