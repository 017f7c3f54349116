import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { parseJoinAnswer, parseJson, type JoinAnswer, type JoinRequest } from '#api/link/join.ts';
import { isSignedMembership } from '#api/link/membership.ts';
import { parseJoinToken } from '#api/join-token.ts';
import type { Clock } from '#lib/clock.ts';
import { createDurableFile, makePrivateFolder, readFileIfThere, writeDurableFile } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { newKey } from '#net/tls/certificates.ts';
import { publicKeyHash, publicKeyPem } from '#net/tls/key-hash.ts';
import { selfSignedCertificate } from '#net/tls/node-certificate.ts';
import type { ServerAddress } from '#net/tls/exchange.ts';
import { askToJoin, askToLeave, parseServerUrl } from '#net/tls/join-client.ts';

/**
 * Who this node is: its key, and what it pinned when it joined, under `<data-dir>/agent`. Once joined, neither token nor network is
 * needed, and no date is ever looked at.
 */
export type Identity = {
  readonly cluster: string;
  readonly node: string;
  /** The life of the database that the node joined. */
  readonly incarnation: string;
  readonly server: ServerAddress;
  /** By which it is reached; undefined: straight. */
  readonly proxy: Proxy | undefined;
  /** PEM: the node's own. */
  readonly key: string;
  readonly certificate: string;
  /** Hashes of the server keys that are trusted. */
  readonly pins: readonly string[];
  readonly signingKey: KeyObject;
  readonly recoveryKey: KeyObject;
  /** All that the server said, for `rejoin`. */
  readonly joined: JoinAnswer;
};

export type IdentityOptions = {
  /** Of the server, `https://10.0.0.1:6443`; once joined: where it is now, if it has moved. */
  readonly server?: string;
  /** By which the server is reached; undefined: straight. */
  readonly proxy?: Proxy;
  /** A function is asked only if there is a join to make. */
  readonly token?: string | ((node: string) => Promise<string>);
  /** What the server said at a join is on the disk: the token is needed no more. */
  readonly onJoined?: () => void;
  readonly dataDir: string;
  /** As asked for: a machine that has joined is the node it joined as, and no other. */
  readonly nodeName?: string;
  /** What it is called where no name is asked for. */
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Networks that this machine is on, `192.168.1.0/24`. */
  readonly networks: readonly string[];
  readonly release: string;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'bytes'>;
};

export const nodeNameOf = ({ nodeName, hostname }: Pick<IdentityOptions, 'nodeName' | 'hostname'>): string =>
  nodeName ?? hostname.toLowerCase();

/**
 * Throws: Usage (what is missing to join, or another name than the one it joined as), BadToken, WrongServer (its CA is not the token's: nothing was told to it), Unreachable, Unauthorized,
 * Forbidden and the like (refused by the server, with its reason), BrokenIdentity (a file that is there can not be used), Aborted.
 */
export async function loadOrJoin(options: IdentityOptions, signal: AbortSignal): Promise<Identity> {
  const folder = join(options.dataDir, 'agent');
  const file = identityFile(options.dataDir);
  const there = await readIdentity(options);
  if (there !== undefined) {
    checkName(file, there.node, options);
    return there;
  }

  // Whoever cannot join leaves nothing on the disk.
  const { server, token } = options;
  if (server === undefined || token === undefined)
    throw new SkerryError(
      'Usage',
      `join: this machine is no node yet (${file} is not there): give --server URL and --token-file FILE, or --token TOKEN (make one with \`skerry token create\` on the server)`,
    );
  const { caKeyHash, id, secret } = parseJoinToken(typeof token === 'string' ? token : await token(nodeNameOf(options)));
  const address = parseServerUrl(server);
  makePrivateFolder(folder);
  const key = await ownKey(folder, options, false);
  const answer = await askToJoin(
    {
      server: address,
      proxy: options.proxy,
      caKeyHash,
      request: requestOf(nodeNameOf(options), options, key.key, { token: { id, secret } }),
      clock: options.clock,
    },
    signal,
  );
  checkAnswer(answer, key.key);
  writeDurableFile(file, textOf({ server: address, joined: answer }));
  options.onJoined?.();
  return identityOf({ server: address, joined: answer }, key, options);
}

/** Of a machine that has joined; undefined for any other. Throws BrokenIdentity. */
export async function readIdentity(options: ReadOptions): Promise<Identity | undefined> {
  const file = identityFile(options.dataDir);
  const there = readFileIfThere(file);
  if (there === undefined) return undefined;
  const key = await ownKey(join(options.dataDir, 'agent'), options, true);
  return identityOf(parseIdentity(file, there, key.key), key, options);
}

type ReadOptions = Pick<IdentityOptions, 'dataDir' | 'server' | 'proxy' | 'nodeName' | 'hostname' | 'ids'>;

/** Asks the server to forget this node. Rejects as askToLeave does. */
export function leave({ server, proxy, key, certificate, pins }: Identity, clock: Clock, signal: AbortSignal): Promise<void> {
  return askToLeave({ ...server, proxy, key, certificate, pins, clock }, signal);
}

/**
 * For when the server does not know this node's key: asks it, by the cluster's own word from the first join, to let the node in again. A server that has
 * lost its database does; one that has removed the node refuses (Forbidden).
 */
export async function rejoin(
  identity: Identity,
  options: Pick<IdentityOptions, 'labels' | 'release' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const { joined, server, proxy, key, node } = identity;
  // Its networks hold pods' addresses by now; they were looked at when it first joined.
  const request = requestOf(node, { ...options, networks: [] }, key, { membership: joined.membership });
  await askToJoin({ server, proxy, keyHashes: identity.pins, request, clock: options.clock }, signal);
}

/**
 * For a node that was removed: joins as the node it was, with its key, by a token. What the server now says is kept for the next start; the rest of
 * the identity must be as it was, since a running agent goes on with it.
 */
export async function joinAgain(
  identity: Identity,
  token: string,
  options: Pick<IdentityOptions, 'dataDir' | 'labels' | 'release' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const { server, proxy, key, node } = identity;
  const { caKeyHash, id, secret } = parseJoinToken(token);
  const request = requestOf(node, { ...options, networks: [] }, key, { token: { id, secret } });
  const answer = await askToJoin({ server, proxy, caKeyHash, request, clock: options.clock }, signal);
  checkAnswer(answer, key);
  const { cluster, signingKey } = identity.joined;
  if (answer.cluster !== cluster || answer.signingKey !== signingKey)
    throw new SkerryError(
      'BadAnswer',
      `join node "${node}" again: the server is of another cluster, or has another signing key, than the one this node joined; to move it there, remove ${identityFile(options.dataDir)} and start the agent again`,
    );
  writeDurableFile(identityFile(options.dataDir), textOf({ server, joined: answer }));
}

export const identityFile = (dataDir: string): string => join(dataDir, 'agent', 'identity.json');
const textOf = (stored: Stored): string => `${JSON.stringify(stored, null, 2)}\n`;

type OwnKey = { readonly key: string; readonly certificate: string };

/** The key is on the disk before anybody hears of it. A key that is lost later can not be replaced: the node's name is pinned to it. */
async function ownKey(folder: string, options: ReadOptions, isJoined: boolean): Promise<OwnKey> {
  const keyFile = join(folder, 'node.key');
  const certificateFile = join(folder, 'node.crt');
  const there = readFileIfThere(keyFile);
  if (there === undefined && isJoined)
    throw broken(
      keyFile,
      'it is missing, although this node has joined; put it back, or remove identity.json and join again with a token',
    );
  // Of two agents that are started at once only one key may be shown to the server.
  const key = there ?? createDurableFile(keyFile, newKey());
  try {
    createPrivateKey(key);
  } catch (cause) {
    throw broken(keyFile, 'it is no private key', cause);
  }
  const certificate = readFileIfThere(certificateFile);
  if (certificate !== undefined && isCertificateOf(certificate, key)) return { key, certificate };
  const made = selfSignedCertificate(nodeNameOf(options), key, options.ids);
  writeDurableFile(certificateFile, made);
  return { key, certificate: made };
}

function isCertificateOf(certificate: string, key: string): boolean {
  try {
    return publicKeyHash(createPublicKey(certificate)) === publicKeyHash(createPrivateKey(key));
  } catch {
    return false;
  }
}

type Stored = { readonly server: ServerAddress; readonly joined: JoinAnswer };

function parseIdentity(file: string, text: string, key: string): Stored {
  try {
    const value = parseJson(text, file);
    if (typeof value !== 'object' || value === null || !('server' in value) || !('joined' in value))
      throw new SkerryError('BadRequest', 'server or joined is missing');
    const joined = parseJoinAnswer(value.joined);
    checkAnswer(joined, key);
    return { server: parseAddress(value.server), joined };
  } catch (cause) {
    throw broken(file, 'it can not be used; put it back, or remove it and join again with a token', cause);
  }
}

function checkName(file: string, node: string, { nodeName }: IdentityOptions): void {
  if (nodeName === undefined || nodeName === node) return;
  throw new SkerryError(
    'Usage',
    `start the agent as node "${nodeName}": this machine has joined as node "${node}" (${file}); leave --node-name out, or, to make it another node: delete the Node "${node}", remove ${file} and start with a new token`,
  );
}

function parseAddress(value: unknown): ServerAddress {
  if (typeof value === 'object' && value !== null && 'host' in value && 'port' in value) {
    const { host, port } = value;
    if (typeof host === 'string' && typeof port === 'number') return { host, port };
  }
  throw new SkerryError('BadRequest', 'server is not {host, port}');
}

function identityOf(
  { server: stored, joined }: Stored,
  { key, certificate }: OwnKey,
  { server: moved, proxy }: Pick<IdentityOptions, 'server' | 'proxy'>,
): Identity {
  const server = moved === undefined ? stored : parseServerUrl(moved);
  return {
    cluster: joined.cluster,
    node: joined.node,
    incarnation: joined.incarnation,
    server,
    proxy,
    key,
    certificate,
    pins: joined.serverKeyHashes,
    signingKey: createPublicKey(joined.signingKey),
    recoveryKey: createPublicKey(joined.recoveryKey),
    joined,
  };
}

/** That what will be pinned fits together and is about this node. */
function checkAnswer(answer: JoinAnswer, key: string): void {
  const { membership } = answer.membership;
  const isMine =
    membership.node === answer.node && membership.cluster === answer.cluster && membership.publicKey === publicKeyPem(key);
  if (!isMine || !isSignedMembership(answer.membership, createPublicKey(answer.signingKey)))
    throw new SkerryError(
      'BadAnswer',
      'read the answer to the join: its membership is not about this node and its key, or not signed',
    );
  createPublicKey(answer.recoveryKey);
}

function requestOf(
  node: string,
  { labels, networks, release }: Pick<IdentityOptions, 'labels' | 'networks' | 'release'>,
  key: string,
  voucher: Pick<JoinRequest, 'token' | 'membership'>,
): JoinRequest {
  return { ...voucher, node, publicKey: publicKeyPem(key), labels, networks, release };
}

function broken(file: string, why: string, cause?: unknown): SkerryError {
  return new SkerryError('BrokenIdentity', `read ${file}: ${why}`, { cause });
}
