import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { SkerryError } from '#lib/error.ts';
import { userSubject } from './certificates.ts';

/** PKCS #10 requests for certificates of users of the API: made by who has the key, read by who may sign. Does not decide who may be whom. */
export type RequestedUser = {
  readonly user: string;
  readonly groups: readonly string[];
  /** PEM, EC P-256. */
  readonly publicKey: string;
};

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM. `key`: PEM, private, EC P-256. */
export async function createSigningRequest(
  { user, groups }: Pick<RequestedUser, 'user' | 'groups'>,
  key: string,
): Promise<string> {
  const x509 = await library();
  const { subtle } = webcrypto;
  const pkcs8 = new Uint8Array(createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }));
  const spki = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name(userSubject(user, groups)),
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
      publicKey: await subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
    },
    signingAlgorithm: ALGORITHM,
  });
  return `${request.toString('pem')}\n`;
}

/** Throws BadRequest for what is no request, is not signed by its own key, or names anything but one CN and any number of O. */
export async function readSigningRequest(pem: string): Promise<RequestedUser> {
  const x509 = await library();
  const { subject, spki, isSigned } = await readable(async () => {
    const request = new x509.Pkcs10CertificateRequest(pem);
    return { subject: request.subjectName.toJSON(), spki: request.publicKey.rawData, isSigned: await request.verify() };
  });
  if (!isSigned) throw bad('it is not signed by the key that it names');
  const key = await readable(async () => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw bad('its key is not one of EC P-256 (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)');
  const parts = subject.flatMap((part) => Object.entries(part));
  const strange = parts.find(([name]) => name !== 'CN' && name !== 'O');
  if (strange !== undefined) throw bad(`its subject has ${strange[0]}: only CN (the user) and O (a group) are known`);
  const valuesOf = (name: string) => parts.flatMap(([part, values]) => (part === name ? values : []));
  const [user, second] = valuesOf('CN');
  if (user === undefined || second !== undefined) throw bad('its subject does not have exactly one CN');
  return { user, groups: valuesOf('O'), publicKey: key.export({ type: 'spki', format: 'pem' }).toString() };
}

async function library() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new SkerryError('BadRequest', 'read the certificate request: it is no PKCS #10 one, or of a kind not known here', {
      cause,
    });
  }
}

function bad(why: string): SkerryError {
  return new SkerryError('BadRequest', `read the certificate request: ${why}`);
}
