import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#lib/clock.ts';
import { createDurableFile, makePrivateFolder, readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import {
  createCa,
  EARLIEST_MS,
  issueClientCertificate,
  issueServerCertificate,
  newKey,
  SERVER_TTL_MS,
  type Issuer,
} from '#net/tls/certificates.ts';
import { certificateKeyHash, publicKeyHash } from '#net/tls/key-hash.ts';
import { namesHost } from '#net/tls/names-host.ts';
import { CLUSTER_FILE, openPkiFiles, type PkiFiles } from './pki-files.ts';
import { tokenKeyOf, type TokenKey } from './service-account-token.ts';

/**
 * The server's keys and certificates, under `<data-dir>/server/pki`. Keys are made once and never again; certificates are made anew, with the same key,
 * when less than a third of their time is left, when they are not yet valid, or when the server's names have changed.
 */
export type Pki = {
  /** No start before this one came to an end of it: there can be no database that was lost. */
  readonly isFirstStart: boolean;
  /** Of this cluster: in the link's topics and in all that is signed. */
  readonly cluster: string;
  readonly ca: Issuer;
  /** What a join token names the cluster by. */
  readonly caKeyHash: string;
  readonly server: KeyPair;
  /** What nodes pin. */
  readonly serverKeyHash: string;
  readonly ticketKeys: Buffer;
  /** Ed25519, private: signs documents, commands and memberships. */
  readonly signingKey: KeyObject;
  /** PEM */
  readonly signingPublicKey: string;
  readonly recoveryPublicKey: string;
  /** Ed25519: signs service accounts' tokens. */
  readonly tokenKey: TokenKey;
  readonly admin: KeyPair;
  /** At the first start: where the private half of the recovery key is; undefined at every later start. */
  readonly recoveryKeyFile: string | undefined;
};

export type KeyPair = { /** PEM */ readonly key: string; readonly certificate: string };

export type PkiOptions = {
  readonly dataDir: string;
  /** Names and addresses that clients use, beside those every server has. Undefined: not known yet; a certificate that is there stays as it is. */
  readonly hosts: readonly string[] | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<Ids, 'bytes' | 'suffix'>;
};

const CLUSTER_CHARACTERS = 10;
const TICKET_KEY_BYTES = 48;
const TOKEN_KEY = 'service-account.key';
const ADMIN = { user: 'kubernetes-admin', groups: ['system:masters'], ttlMs: 365 * 86_400_000, sinceEver: true };
/** Of the time that a certificate is made for, what must be left at a start. */
const LIFE_LEFT_MIN = 1 / 3;
/** By which a clock may be set back without anything being made anew. */
const SLACK_MS = 86_400_000;
const OWN_HOSTS = ['localhost', '127.0.0.1', '::1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/** Throws code BrokenPki, naming the file, if something that can not be made again is missing or unreadable. */
export async function loadOrCreatePki({ dataDir, hosts, clock, ids }: PkiOptions): Promise<Pki> {
  const folder = join(dataDir, 'server', 'pki');
  makePrivateFolder(join(dataDir, 'server'));
  makePrivateFolder(folder);
  const files = openPkiFiles(folder);
  const making = { nowMs: clock.now(), ids };
  refuseForeignRecoveryKey(dataDir, files);

  const cluster = await files.root(CLUSTER_FILE, () => ids.suffix(CLUSTER_CHARACTERS));
  const caKey = await files.root('ca.key', newKey);
  const ca = { key: caKey, certificate: await files.root('ca.crt', () => createCa(`skerry-ca-${cluster}`, caKey, making)) };
  const serverKey = await files.root('server.key', newKey);
  const signingKey = privateKey(files.file('signing.key'), await files.root('signing.key', newSigningKey));
  const recovery = await recoveryKey(dataDir, files);
  checkPair(files, 'ca', ca);

  const issued = { files, ca, nowMs: making.nowMs };
  const names = [...new Set([...OWN_HOSTS, ...(hosts ?? []).filter((host) => !isAnyAddress(host))])];
  const leaf = { name: 'server', key: serverKey, ttlMs: SERVER_TTL_MS, ...(hosts === undefined ? {} : { hosts: names }) };
  const server = await renewed(issued, leaf, () => issueServerCertificate(ca, serverKey, names, making));
  const adminKey = files.read('admin.key') ?? kept(files, 'admin.key', newKey());
  const admin = await renewed(issued, { name: 'admin', key: adminKey, ttlMs: ADMIN.ttlMs }, () =>
    issueClientCertificate(ca, { ...ADMIN, key: adminKey }, making),
  );
  // A server that was here before there were tokens has none yet; where it was lost, tokens are made anew, and nobody is locked out for good.
  const tokenKey = files.read(TOKEN_KEY) ?? kept(files, TOKEN_KEY, newSigningKey());
  const ticketKeys = ticketKeysOf(files, ids);
  files.finish(cluster);
  return {
    isFirstStart: files.isFirstStart,
    cluster,
    ca,
    caKeyHash: certificateKeyHash(new X509Certificate(ca.certificate)),
    server,
    serverKeyHash: publicKeyHash(privateKey(files.file('server.key'), serverKey)),
    ticketKeys,
    signingKey,
    signingPublicKey: createPublicKey(signingKey).export({ type: 'spki', format: 'pem' }).toString(),
    recoveryPublicKey: recovery.publicKey,
    tokenKey: tokenKeyOf(privateKey(files.file(TOKEN_KEY), tokenKey)),
    admin,
    recoveryKeyFile: recovery.keptIn,
  };
}

/**
 * The keys that a recovery key belongs to are on the disk before it is: where they are gone, it is that of a cluster whose key folder was lost, and a new
 * cluster that took it over would leave that one without. Nothing has been made when this throws, so that it does at every start.
 */
function refuseForeignRecoveryKey(dataDir: string, files: PkiFiles): void {
  const file = join(dataDir, RECOVERY_KEY);
  if (!files.isFirstStart || files.read('signing.key') !== undefined || readFileIfThere(file) === undefined) return;
  throw new SkerryError(
    'BrokenPki',
    `begin a new cluster in ${dataDir}: ${file} is that of a cluster whose keys are gone from ${files.file('')}; put those back from a backup, or, if that cluster is to be given up, take ${file} to a safe place and begin in an empty folder (--data-dir)`,
  );
}

const RECOVERY_KEY = 'recovery.key';

/** Its private half leaves this machine at the first start, so it is in no backup of the key folder; the public half is told to every node. */
async function recoveryKey(
  dataDir: string,
  files: PkiFiles,
): Promise<{ readonly publicKey: string; readonly keptIn: string | undefined }> {
  const file = join(dataDir, RECOVERY_KEY);
  let keptIn: string | undefined;
  const publicKey = await files.root('recovery.pub', () => {
    // After a first start that was interrupted it is there already; it is never written over.
    const text = createDurableFile(file, newSigningKey());
    keptIn = file;
    return createPublicKey(privateKey(file, text)).export({ type: 'spki', format: 'pem' }).toString();
  });
  try {
    createPublicKey(publicKey);
  } catch (cause) {
    throw new SkerryError('BrokenPki', `read ${files.file('recovery.pub')}: it is no public key`, { cause });
  }
  return { publicKey, keptIn };
}

type Issued = { readonly files: PkiFiles; readonly ca: Issuer; readonly nowMs: number };

type Leaf = {
  readonly name: string;
  readonly key: string;
  readonly hosts?: readonly string[];
  /** What it is made for. */
  readonly ttlMs: number;
};

async function renewed(
  { files, ca, nowMs }: Issued,
  { name, key, hosts, ttlMs }: Leaf,
  issue: () => Promise<string>,
): Promise<KeyPair> {
  const there = files.read(`${name}.crt`);
  const isGood =
    there !== undefined &&
    isIssuedFor(there, privateKey(files.file(`${name}.key`), key), ca) &&
    isFresh(new X509Certificate(there), nowMs, ttlMs) &&
    (hosts === undefined || hasHosts(new X509Certificate(there), hosts));
  return { key, certificate: isGood ? there : kept(files, `${name}.crt`, await issue()) };
}

function isIssuedFor(certificate: string, key: KeyObject, ca: Issuer): boolean {
  try {
    const x509 = new X509Certificate(certificate);
    return certificateKeyHash(x509) === publicKeyHash(key) && x509.verify(new X509Certificate(ca.certificate).publicKey);
  } catch {
    return false;
  }
}

function isFresh({ validFrom, validTo }: X509Certificate, nowMs: number, ttlMs: number): boolean {
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  if (fromMs > nowMs) return false;
  // Made by a clock that was ahead, and good for too long; whether one that stands in the past is right nobody knows, so it does not judge.
  if (nowMs >= EARLIEST_MS && toMs - nowMs > ttlMs + SLACK_MS) return false;
  return toMs - nowMs > ttlMs * LIFE_LEFT_MIN;
}

function hasHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const named = (certificate.subjectAltName ?? '').split(', ').length;
  return named === hosts.length && hosts.every((host) => namesHost(certificate, host));
}

function ticketKeysOf(files: PkiFiles, ids: Pick<Ids, 'bytes'>): Buffer {
  const name = 'ticket.keys';
  const there = Buffer.from(files.read(name) ?? '', 'base64');
  if (there.length === TICKET_KEY_BYTES) return there;
  return Buffer.from(kept(files, name, Buffer.from(ids.bytes(TICKET_KEY_BYTES)).toString('base64')), 'base64');
}

function kept(files: PkiFiles, name: string, text: string): string {
  files.write(name, text);
  return text;
}

function checkPair(files: PkiFiles, name: string, { key, certificate }: Issuer): void {
  let certified: string | undefined;
  try {
    certified = certificateKeyHash(new X509Certificate(certificate));
  } catch (cause) {
    throw new SkerryError('BrokenPki', `read ${files.file(`${name}.crt`)}: it is no certificate`, { cause });
  }
  if (certified !== publicKeyHash(privateKey(files.file(`${name}.key`), key)))
    throw new SkerryError(
      'BrokenPki',
      `read ${files.file(`${name}.crt`)}: it is not the certificate of ${files.file(`${name}.key`)}`,
    );
}

function privateKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new SkerryError('BrokenPki', `read ${file}: it is no private key`, { cause });
  }
}

function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** `0.0.0.0` says where to listen, not how to be reached. */
function isAnyAddress(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}
