/** Why a connection failed, for people: what OpenSSL says of a port that speaks something else names neither the fault nor the way out. */
export function tlsFailure(cause: Error): Error {
  return 'code' in cause && cause.code === 'ERR_SSL_WRONG_VERSION_NUMBER' ? new Error('no TLS there; is the port right?') : cause;
}
