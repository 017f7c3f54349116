import { CLIENT_CERTIFICATE_PATH, parseClientCertificateRequest, type ClientCertificateAnswer } from '#api/client-certificate.ts';
import { apiError } from '#api/status.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { rfc3339 } from '#lib/time.ts';
import { EARLIEST_MS, issueClientCertificate } from '#net/tls/certificates.ts';
import { readSigningRequest, type RequestedUser } from '#net/tls/signing-request.ts';
import { deniedError } from '#rest/denied.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { Target, User } from '#rest/request.ts';
import type { Pki } from './auth/pki.ts';

/**
 * Certificates for users of the API, issued to who may reach the path and might be that user anyway: a certificate is an impersonation that lasts. There is no
 * list of them and none can be taken back, so they are to be short. What their holders may do is for roles.
 */
export type ClientCertificateOptions = {
  readonly pki: Pick<Pki, 'ca'>;
  readonly authorize: ApiOptions['authorize'];
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<Ids, 'bytes'>;
  readonly log: Log;
};

/** For ApiOptions.paths. */
export function clientCertificatePath({ pki, authorize, clock, ids, log }: ClientCertificateOptions): ApiOptions['paths'] {
  return {
    [`POST ${CLIENT_CERTIFICATE_PATH}`]: async ({ body, user: asker }) => {
      const { request, expirationSeconds } = parseClientCertificateRequest(body);
      const wanted = await readSigningRequest(request);
      const [problem] = identityProblems(wanted, asker);
      if (problem !== undefined)
        throw apiError('Forbidden', `issue a certificate for ${JSON.stringify(wanted.user)}: ${problem}`);
      await checkMayBe(wanted, asker, authorize);
      const nowMs = clock.now();
      if (nowMs < EARLIEST_MS)
        throw apiError(
          'ServiceUnavailable',
          `issue a certificate for ${JSON.stringify(wanted.user)}: the server's clock says ${rfc3339(nowMs)}, so nothing short would be good when it is set; set it first`,
        );
      const { user, groups, publicKey: key } = wanted;
      const certificate = await issueClientCertificate(
        pki.ca,
        { key, user, groups, ttlMs: expirationSeconds * 1_000 },
        { nowMs, ids },
      );
      const expires = rfc3339(nowMs + expirationSeconds * 1_000);
      log.info({ user, groups, expires, by: asker.name }, 'a client certificate was issued');
      const answer: ClientCertificateAnswer = { certificate, expires };
      return { type: 'value', status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
    },
  };
}

/** Throws 403 as for an impersonation that is refused. */
async function checkMayBe({ user, groups }: RequestedUser, asker: User, authorize: ApiOptions['authorize']): Promise<void> {
  for (const [resource, name] of [['users', user] as const, ...groups.map((group) => ['groups', group] as const)]) {
    const target: Target = { type: 'asked', verb: 'impersonate', group: '', resource, subresource: '', namespace: '', name };
    const { allowed, reason } = await authorize(asker, target);
    if (!allowed) throw deniedError(asker, target, reason);
  }
}

const NAME_CHARACTERS_MAX = 253;
const GROUPS_MAX = 32;
const MASTERS = 'system:masters';

/** Why this asker may not have a certificate for that user. Names with `system:` are those of the cluster's own parts, which have rights by their name. */
export function identityProblems({ user, groups }: Pick<RequestedUser, 'user' | 'groups'>, asker: User): readonly string[] {
  return [
    ...nameProblems(user).map((problem) => `the user's name ${problem}`),
    ...(user.startsWith('system:') ? ["a user's name can not begin with system: here, such users are parts of the cluster"] : []),
    ...(groups.length > GROUPS_MAX ? [`there are ${groups.length} groups, more than ${GROUPS_MAX}`] : []),
    ...groups.flatMap((group) => [
      ...nameProblems(group).map((problem) => `a group's name ${problem}`),
      ...(group === MASTERS && !asker.groups.includes(MASTERS)
        ? [`only who is in the group ${MASTERS} can put others into it`]
        : []),
      ...(group.startsWith('system:') && group !== MASTERS
        ? [`the group ${JSON.stringify(group)} is one that the cluster itself gives`]
        : []),
    ]),
  ];
}

function nameProblems(name: string): readonly string[] {
  if (name === '') return ['is empty'];
  if (name.length > NAME_CHARACTERS_MAX) return [`is longer than ${NAME_CHARACTERS_MAX} characters`];
  return /\p{Cc}/u.test(name) ? ['has control characters'] : [];
}
