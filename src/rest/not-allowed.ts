import { apiError } from '#api/status.ts';

/** The 405 of a method, or of a part that this process does not have. */
export function notAllowed(why = 'the server does not allow this method on the requested resource'): unknown {
  return apiError('MethodNotAllowed', why, {});
}
