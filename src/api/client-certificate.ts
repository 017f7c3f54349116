import { SkerryError } from '#lib/error.ts';

/**
 * `POST /skerry.dev/v1/client-certificate`: an administrator asks the server for a certificate for a user of the API. The request is a PKCS #10
 * one, so that the private key never leaves whoever made it; who it is for stands in its subject, as Kubernetes reads it (CN, O).
 */
export const CLIENT_CERTIFICATE_PATH = '/skerry.dev/v1/client-certificate';

/** PEM; seconds from now. */
export type ClientCertificateRequest = { readonly request: string; readonly expirationSeconds: number };
/** PEM; RFC 3339. */
export type ClientCertificateAnswer = { readonly certificate: string; readonly expires: string };

export const EXPIRATION_SECONDS_MIN = 1;
/** A certificate can not be taken back, so none is good for longer than the administrator's own. */
export const EXPIRATION_SECONDS_MAX = 365 * 86_400;
const REQUEST_BYTES_MAX = 16 * 1024;

/** Throws code BadRequest, naming the field. */
export function parseClientCertificateRequest(body: Uint8Array): ClientCertificateRequest {
  if (body.length > REQUEST_BYTES_MAX) throw bad(`it has ${body.length} bytes, more than ${REQUEST_BYTES_MAX}`);
  const { request, expirationSeconds } = fieldsOf(Buffer.from(body).toString('utf8'));
  if (typeof request !== 'string') throw bad('request is not a text');
  const isTime =
    typeof expirationSeconds === 'number' &&
    Number.isInteger(expirationSeconds) &&
    expirationSeconds >= EXPIRATION_SECONDS_MIN &&
    expirationSeconds <= EXPIRATION_SECONDS_MAX;
  if (!isTime) throw bad(`expirationSeconds is not a whole number from ${EXPIRATION_SECONDS_MIN} to ${EXPIRATION_SECONDS_MAX}`);
  return { request, expirationSeconds };
}

/** Throws code BadAnswer. */
export function parseClientCertificateAnswer(answer: unknown): ClientCertificateAnswer {
  // Sound: any field of an object may be read, and each is looked at below.
  const { certificate, expires } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof certificate === 'string' && typeof expires === 'string') return { certificate, expires };
  throw new SkerryError('BadAnswer', `read the answer of ${CLIENT_CERTIFICATE_PATH}: is the server of another release?`);
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    // Sound: as above.
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new SkerryError('BadRequest', 'read the request for a client certificate: it is not JSON', { cause });
  }
  throw bad('it is not an object');
}

function bad(why: string): SkerryError {
  return new SkerryError('BadRequest', `read the request for a client certificate: ${why}`);
}
