import { SkerryError } from '#lib/error.ts';
import type { SignedMembership } from './membership.ts';

/** What a node and a server say to each other at the join: `POST /skerry.dev/v1/join`, JSON both ways. Knows no keys and no network. */
export const JOIN_PATH = '/skerry.dev/v1/join';
/** The CA's certificate, for a node that has its key's hash and nothing else. */
export const CA_PATH = '/skerry.dev/v1/ca';

export type JoinRequest = {
  /** Who vouches for the node: a token, or the cluster's own word from an earlier join. */
  readonly token?: { readonly id: string; readonly secret: string };
  readonly membership?: SignedMembership;
  readonly node: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Networks that the node is on, `192.168.1.0/24`: pods' addresses must not be in any. */
  readonly networks: readonly string[];
  readonly release: string;
};

export type JoinAnswer = {
  readonly cluster: string;
  readonly node: string;
  readonly incarnation: string;
  /** Hashes (net/tls/key-hash.ts) of the keys that the server's link may show. */
  readonly serverKeyHashes: readonly string[];
  /** PEM: the key that signs documents and commands, and the one for when that is lost. */
  readonly signingKey: string;
  readonly recoveryKey: string;
  readonly membership: SignedMembership;
  /** PEM */
  readonly ca: string;
};

export const JOIN_BYTES_MAX = 64 * 1024;
const LABELS_MAX = 64;
const NETWORKS_MAX = 256;
const PIN = /^[0-9a-f]{64}$/;

/** Throws code BadRequest, naming the field. */
export function parseJoinRequest(body: Uint8Array): JoinRequest {
  const root = record(parseJson(body, 'the join request'), 'the join request');
  const token = root.token === undefined ? undefined : record(root.token, 'token');
  return {
    ...(token === undefined ? {} : { token: { id: text(token, 'id'), secret: text(token, 'secret') } }),
    ...(root.membership === undefined ? {} : { membership: signedMembership(root.membership) }),
    node: text(root, 'node'),
    publicKey: text(root, 'publicKey'),
    labels: labels(root.labels ?? {}),
    networks: texts(root.networks ?? [], 'networks', NETWORKS_MAX),
    release: text(root, 'release'),
  };
}

/** Throws code BadRequest, naming the field. Also reads what a node has kept of it. */
export function parseJoinAnswer(value: unknown): JoinAnswer {
  const root = record(value, 'the answer to the join');
  const serverKeyHashes = texts(root.serverKeyHashes, 'serverKeyHashes', NETWORKS_MAX);
  if (serverKeyHashes.length === 0 || !serverKeyHashes.every((hash) => PIN.test(hash)))
    throw bad('serverKeyHashes is not a list of SHA-256 hashes in hex');
  return {
    cluster: text(root, 'cluster'),
    node: text(root, 'node'),
    incarnation: text(root, 'incarnation'),
    serverKeyHashes,
    signingKey: text(root, 'signingKey'),
    recoveryKey: text(root, 'recoveryKey'),
    membership: signedMembership(root.membership),
    ca: text(root, 'ca'),
  };
}

export function parseJson(body: Uint8Array | string, what: string): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
  } catch (cause) {
    throw new SkerryError('BadRequest', `read ${what}: it is not JSON`, { cause });
  }
}

function signedMembership(value: unknown): SignedMembership {
  const root = record(value, 'membership');
  const inner = record(root.membership, 'membership.membership');
  return {
    membership: {
      cluster: text(inner, 'cluster'),
      node: text(inner, 'node'),
      publicKey: text(inner, 'publicKey'),
      ...(inner.own === true ? { own: true } : {}),
    },
    signature: text(root, 'signature'),
  };
}

function labels(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(record(value, 'labels'));
  if (entries.length > LABELS_MAX) throw bad(`labels has ${entries.length} entries, more than ${LABELS_MAX}`);
  return Object.fromEntries(entries.map(([key, label]) => [key, isText(label) ? label : fail(`labels.${key} is not a text`)]));
}

function texts(value: unknown, field: string, max: number): readonly string[] {
  if (!Array.isArray(value) || value.length > max) throw bad(`${field} is not a list of at most ${max} texts`);
  return value.map((entry: unknown) => (isText(entry) ? entry : fail(`${field} is not a list of texts`)));
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${what} is not an object`);
  // Sound: any field of an object may be read; what is read stays unknown.
  return value as Readonly<Record<string, unknown>>;
}

function text(root: Readonly<Record<string, unknown>>, field: string): string {
  const value = root[field];
  return isText(value) && value !== '' ? value : fail(`${field} is missing or not a text`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function fail(why: string): never {
  throw bad(why);
}

function bad(why: string): SkerryError {
  return new SkerryError('BadRequest', `read the join: ${why}`);
}
