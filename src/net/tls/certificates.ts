import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, JsonGeneralName, JsonNameParams } from '@peculiar/x509';
import type { Ids } from '#lib/ids.ts';
import { serialOf } from './serial.ts';

/**
 * Makes keys (EC P-256) and certificates, and nothing else: node:crypto reads them. The library is loaded when the first one is made; an
 * agent never does (node-certificate.ts). What a cluster stands on is good since ever, so that no clock that is behind, or was ahead when it was made,
 * finds it not yet valid; a user's certificate begins shortly before it was made, so that one that has ended is not good again where the clock is lost.
 */
export type Issuer = { /** PEM */ readonly certificate: string; readonly key: string };

export type Making = { readonly nowMs: number; readonly ids: Pick<Ids, 'bytes'> };

const DAY_MS = 86_400_000;
const BACKDATE_MS = DAY_MS;
/** Where a clock without a battery begins. */
const SINCE_EVER_MS = 0;
const CA_TTL_MS = 20 * 365 * DAY_MS;
export const SERVER_TTL_MS = 3 * 365 * DAY_MS;
/** A clock that stands before this is wrong (a board without one starts in 1970): certificates are dated from here then. */
export const EARLIEST_MS = Date.UTC(2026, 0, 1);
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM, PKCS 8. */
export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function createCa(name: string, key: string, making: Making): Promise<string> {
  const life = { beginMs: SINCE_EVER_MS, endMs: madeMs(making) + CA_TTL_MS };
  return make({ subject: [{ CN: [name] }], key, signer: { key }, ...life, usage: { type: 'ca' } }, making);
}

/** `hosts`: names and addresses that clients may use. */
export function issueServerCertificate(ca: Issuer, key: string, hosts: readonly string[], making: Making): Promise<string> {
  const life = { beginMs: SINCE_EVER_MS, endMs: madeMs(making) + SERVER_TTL_MS };
  return make({ subject: [{ CN: ['skerry-server'] }], key, signer: ca, ...life, usage: { type: 'server', hosts } }, making);
}

export type ClientDraft = {
  /** The user's, private or public. */
  readonly key: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly ttlMs: number;
  /** Good for a server whose clock is behind by any time, too. */
  readonly sinceEver?: boolean;
};

/** For a user of the API, as Kubernetes reads it: the name is the common name, each group an organisation. */
export function issueClientCertificate(
  ca: Issuer,
  { key, user, groups, ttlMs, sinceEver = false }: ClientDraft,
  making: Making,
): Promise<string> {
  const fromMs = madeMs(making);
  const life = { beginMs: sinceEver ? SINCE_EVER_MS : fromMs - BACKDATE_MS, endMs: fromMs + ttlMs };
  return make({ subject: userSubject(user, groups), key, signer: ca, ...life, usage: { type: 'client' } }, making);
}

/** Letter by letter: of a plain text the library would take what stands between quotes, and a user would become another. */
export function userSubject(user: string, groups: readonly string[]): JsonNameParams {
  return [...groups.map((group) => ({ O: [{ utf8String: group }] })), { CN: [{ utf8String: user }] }];
}

type Draft = {
  readonly subject: JsonNameParams;
  /** Of the subject, private or public. */
  readonly key: string;
  /** Without a certificate: signs itself. */
  readonly signer: { readonly key: string; readonly certificate?: string };
  readonly beginMs: number;
  readonly endMs: number;
  readonly usage: Usage;
};

type Usage =
  | { readonly type: 'ca' }
  | { readonly type: 'client' }
  | { readonly type: 'server'; readonly hosts: readonly string[] };

async function make(draft: Draft, { ids }: Making): Promise<string> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const publicKey = await importPublic(draft.key);
  const signerKey = await webcrypto.subtle.importKey('pkcs8', der(draft.signer.key), ALGORITHM, false, ['sign']);
  const issuer = draft.signer.certificate === undefined ? undefined : new x509.X509Certificate(draft.signer.certificate);
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(draft.usage.type === 'ca', undefined, true),
    new x509.KeyUsagesExtension(
      draft.usage.type === 'ca'
        ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature
        : x509.KeyUsageFlags.digitalSignature,
      true,
    ),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuer === undefined ? publicKey : await importPublic(draft.signer.key)),
  ];
  if (draft.usage.type === 'client') extensions.push(new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]));
  if (draft.usage.type === 'server') {
    extensions.push(new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]));
    extensions.push(new x509.SubjectAlternativeNameExtension(draft.usage.hosts.map(alternativeName)));
  }
  const subject = new x509.Name(draft.subject);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(serialOf(ids)).toString('hex'),
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(draft.beginMs),
    notAfter: new Date(draft.endMs),
    publicKey,
    signingKey: signerKey,
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

function madeMs({ nowMs }: Making): number {
  return Math.max(nowMs, EARLIEST_MS);
}

function alternativeName(host: string): JsonGeneralName {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host };
}

/** Of a private key's public half, too. */
function importPublic(pem: string): ReturnType<typeof webcrypto.subtle.importKey> {
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', new Uint8Array(spki), ALGORITHM, true, ['verify']);
}

function der(privateKeyPem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' }));
}
