import { rfc3339 } from '#lib/time.ts';

/** Why a connection failed, for people: what OpenSSL says names neither the fault nor the way out where a port speaks something else, or a clock is wrong. */
export function tlsFailure(cause: Error, nowMs: number): Error {
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return new Error('no TLS there; is the port right?');
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED')
    return new Error(`${cause.message}, by the clock of this machine, which says ${rfc3339(nowMs)}: set it, if that is wrong`);
  return cause;
}
