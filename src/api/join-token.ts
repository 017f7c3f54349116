import { createHash, timingSafeEqual } from 'node:crypto';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import { parseTime, rfc3339 } from '#lib/time.ts';
import type { Secret } from './kinds/secret.ts';

/**
 * Join tokens: `skr1.<hash of the CA's public key>.<id>.<secret>`. The hash lets a new node know its server before it tells it the secret;
 * the server keeps the secret's hash only, in a Secret that the API can list, change and delete like any other.
 */
export type JoinToken = {
  /** SHA-256 of the CA's SubjectPublicKeyInfo, hex. */
  readonly caKeyHash: string;
  readonly id: string;
  readonly secret: string;
};

export const JOIN_NAMESPACE = 'kube-system';
export const JOIN_TOKEN_TYPE = 'skerry.dev/join-token';
const ID_CHARACTERS = 8;
const SECRET_BYTES = 24;
const PATTERN = /^skr1\.([A-Za-z0-9_-]{43})\.([a-z0-9]{4,16})\.([A-Za-z0-9_-]{22,64})$/;

/** `secret` is to be created through the API; `token` is told once and kept nowhere. */
export function newJoinToken({
  caKeyHash,
  ttlMs,
  uses,
  replaces,
  own = false,
  description,
  ids,
  now,
}: {
  readonly caKeyHash: string;
  readonly ttlMs: number;
  readonly uses: number;
  /** The node whose machine has lost its data: the token is for this name alone, and takes the place of the key it is pinned to. */
  readonly replaces?: string;
  /** For the agent of the server's own node: it may have labels that are reserved. */
  readonly own?: boolean;
  readonly description?: string;
  readonly ids: Pick<Ids, 'suffix' | 'bytes'>;
  readonly now: number;
}): { readonly token: string; readonly secret: Secret } {
  const id = ids.suffix(ID_CHARACTERS);
  const secret = Buffer.from(ids.bytes(SECRET_BYTES)).toString('base64url');
  return {
    token: `skr1.${Buffer.from(caKeyHash, 'hex').toString('base64url')}.${id}.${secret}`,
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: joinTokenName(id), namespace: JOIN_NAMESPACE },
      type: JOIN_TOKEN_TYPE,
      data: {
        'secret-hash': encode(hashOf(secret)),
        expiration: encode(rfc3339(now + ttlMs)),
        uses: encode(String(uses)),
        ...(replaces === undefined ? {} : { replaces: encode(replaces) }),
        ...(own ? { own: encode('true') } : {}),
        ...(description === undefined ? {} : { description: encode(description) }),
      },
    },
  };
}

/** Throws code BadToken. The message never repeats the secret. */
export function parseJoinToken(text: string): JoinToken {
  const [, hash, id, secret] = PATTERN.exec(text.trim()) ?? [];
  if (hash === undefined || id === undefined || secret === undefined)
    throw new SkerryError(
      'BadToken',
      'read the join token: it does not look like skr1.<hash>.<id>.<secret>; make one with `skerry token create`',
    );
  return { caKeyHash: Buffer.from(hash, 'base64url').toString('hex'), id, secret };
}

export function joinTokenName(id: string): string {
  return `${NAME_PREFIX}${id}`;
}

/** Undefined for a name that is no join token's. */
export function joinTokenId(name: string): string | undefined {
  return name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : undefined;
}

/** As it is written, or taken out of a whole token; undefined where it is neither. */
export function readTokenId(text: string): string | undefined {
  return PATTERN.exec(text.trim())?.[2] ?? (ID.test(text) ? text : undefined);
}

const NAME_PREFIX = 'join-token-';
const ID = /^[a-z0-9]{4,16}$/;

export type JoinTokenState = {
  readonly matches: (secret: string) => boolean;
  /** undefined: never. */
  readonly expiresMs: number | undefined;
  readonly usesLeft: number;
  /** See newJoinToken. */
  readonly replaces: string | undefined;
  readonly own: boolean;
  readonly description: string | undefined;
};

/** What a stored token allows; one that was written by hand and can not be read allows nothing. */
export function joinTokenState(stored: Secret): JoinTokenState {
  const { data = {} } = stored;
  const hash = Buffer.from(decode(data['secret-hash']), 'hex');
  const expiration = decode(data.expiration);
  const uses = decode(data.uses);
  const isReadable = stored.type === JOIN_TOKEN_TYPE && (expiration === '' || parseTime(expiration) !== undefined);
  return {
    matches: (secret) => isReadable && isSame(Buffer.from(hashOf(secret), 'hex'), hash),
    expiresMs: parseTime(expiration),
    usesLeft: /^\d{1,9}$/.test(uses) ? Number(uses) : 0,
    replaces: data.replaces === undefined ? undefined : decode(data.replaces),
    own: decode(data.own) === 'true',
    description: data.description === undefined ? undefined : decode(data.description),
  };
}

export function withOneUseLess(stored: Secret): Secret {
  return { ...stored, data: { ...stored.data, uses: encode(String(Math.max(0, joinTokenState(stored).usesLeft - 1))) } };
}

/** The secret has 192 random bits: a plain hash can not be searched through. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const decode = (text = ''): string => Buffer.from(text, 'base64').toString('utf8');
