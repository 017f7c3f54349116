import { apiError, forbiddenError } from '#api/status.ts';
import type { Target, User } from './request.ts';

/** The 403 of a request that the authorizer refused, in upstream's words (apiserver/pkg/endpoints/handlers/responsewriters). */
export function deniedError(user: User, target: Target, reason: string): unknown {
  const who = `User ${JSON.stringify(user.name)} cannot`;
  const why = reason === '' ? '' : `: ${reason}`;
  if (target.type === 'path')
    return apiError('Forbidden', `forbidden: ${who} ${target.verb} path ${JSON.stringify(target.path)}${why}`, {});
  const { verb, group, resource, subresource, namespace, name } = target;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? ' at the cluster scope' : ` in the namespace ${JSON.stringify(namespace)}`;
  return forbiddenError(
    { group, name: resource },
    name,
    `${who} ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)}${where}${why}`,
  );
}
