import { badRequestError } from '#api/status.ts';
import { deniedError } from './denied.ts';
import type { ApiOptions } from './options.ts';
import { ANONYMOUS, type HttpRequest, type Target, type User } from './request.ts';

/**
 * Impersonate-* headers (kubectl --as): who may is another from there on, as apiserver/pkg/endpoints/filters/impersonation. They are never
 * passed over: a request that is meant to be tried as somebody weak must not be done by somebody strong.
 */
const PREFIX = 'impersonate-';
const EXTRA = `${PREFIX}extra-`;
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

/** Throws 400, and 403 where the user may not be each of what the headers name. */
export async function impersonated({ authorize }: Pick<ApiOptions, 'authorize'>, request: HttpRequest): Promise<User> {
  const { user, headers } = request;
  if (!Object.keys(headers).some((name) => name.startsWith(PREFIX))) return user;
  const wanted = wantedUser(headers);
  for (const target of targets(wanted)) {
    const { allowed, reason } = await authorize(user, target);
    if (!allowed) throw deniedError(user, target, reason);
  }
  return { ...wanted, groups: [...wanted.groups, ...impliedGroups(wanted)] };
}

function wantedUser(headers: HttpRequest['headers']): User {
  const name = headers[`${PREFIX}user`] ?? '';
  if (name === '') throw badRequestError('requested to impersonate groups, a uid or extras without impersonating a user');
  const uid = headers[`${PREFIX}uid`] ?? '';
  const extra = Object.entries(headers).flatMap(([header, value]) =>
    header.startsWith(EXTRA) ? [[extraKey(header.slice(EXTRA.length)), listOf(value)] as const] : [],
  );
  return {
    name,
    groups: listOf(headers[`${PREFIX}group`]),
    ...(uid === '' ? {} : { uid }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** A header that came more than once was joined by commas (src/rest/http.ts), so a group with a comma is none. */
function listOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

function extraKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // As upstream: what is no escape is meant as it stands.
    return text;
  }
}

const SERVICE_ACCOUNT = /^system:serviceaccount:(?<namespace>[^:]+):(?<name>[^:]+)$/;

/** What the user must be allowed to impersonate, each for itself. */
function targets({ name, uid, groups, extra = {} }: User): readonly Target[] {
  const target = (
    group: string,
    resource: string,
    named: string,
    more: { subresource?: string; namespace?: string } = {},
  ): Target => ({
    type: 'asked',
    verb: 'impersonate',
    group,
    resource,
    subresource: '',
    namespace: '',
    name: named,
    ...more,
  });
  const account = SERVICE_ACCOUNT.exec(name)?.groups;
  return [
    account === undefined
      ? target('', 'users', name)
      : target('', 'serviceaccounts', account.name ?? '', { namespace: account.namespace ?? '' }),
    ...groups.map((each) => target('', 'groups', each)),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => target(AUTHENTICATION, 'userextras', value, { subresource: key })),
    ),
    ...(uid === undefined ? [] : [target(AUTHENTICATION, 'uids', uid)]),
  ];
}

const AUTHENTICATION = 'authentication.k8s.io';

function impliedGroups({ name, groups }: User): readonly string[] {
  const namespace = SERVICE_ACCOUNT.exec(name)?.groups?.namespace;
  const ofAccount =
    namespace === undefined || groups.length > 0 ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  if (name === ANONYMOUS.name) return groups.includes(UNAUTHENTICATED) ? [] : [UNAUTHENTICATED];
  const isSaid = groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED);
  return [...ofAccount, ...(isSaid ? [] : [AUTHENTICATED])];
}
