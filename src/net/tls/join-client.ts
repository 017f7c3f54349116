import { X509Certificate } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import { CA_PATH, JOIN_PATH, parseJoinAnswer, parseJson, type JoinAnswer, type JoinRequest } from '#api/link/join.ts';
import { LEAVE_PATH } from '#api/link/leave.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { DialTarget } from './dial.ts';
import { exchange, refusal, type Ask, type ServerAddress } from './exchange.ts';
import { certificateKeyHash } from './key-hash.ts';

/**
 * The node's side of the join's HTTP, and of leaving. A new node knows the hash of the CA's key and nothing else: the server must show a certificate
 * that this CA has issued for a server before it is told the secret. Dates and names are not looked at: a new board's clock may be anywhere.
 */
export type JoinCall = {
  readonly server: ServerAddress;
  readonly proxy?: Proxy | undefined;
  readonly request: JoinRequest;
  readonly clock: Clock;
} & ({ /** Of the token. */ readonly caKeyHash: string } | { /** Pinned earlier. */ readonly keyHashes: readonly string[] });

const DEFAULT_PORT = 6443;
/** RFC 5280 §4.2.1.12, id-kp-serverAuth: a user's certificate of the same CA makes no server. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** Throws code Usage for anything but `https://host[:port]`. */
export function parseServerUrl(text: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // What a server has none of must not be dropped in silence.
  const isBare = url?.username === '' && url.password === '' && `${url.pathname}${url.search}${url.hash}` === '/';
  if (url?.protocol !== 'https:' || url.hostname === '' || !isBare)
    throw new SkerryError(
      'Usage',
      `read the server's URL ${JSON.stringify(text)}: it must look like https://10.0.0.1:6443, with no path and no user name`,
    );
  // A URL forgets the port that https has anyway, also where it was written.
  const port = /:443\/*$/.test(text) ? '443' : url.port;
  // An IPv6 address stands in brackets.
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: port === '' ? DEFAULT_PORT : Number(port) };
}

/** Rejects with WrongServer before anything is told, Unreachable, Aborted, or the server's own refusal (its Status reason as code). */
export async function askToJoin(call: JoinCall, signal: AbortSignal): Promise<JoinAnswer> {
  const { server } = call;
  const where = `join at ${hostPort(server)}`;
  let trust: Ask['trust'];
  if ('keyHashes' in call) trust = (shown) => checkPinned(where, shown, call.keyHashes);
  else {
    const ca = await fetchCa(call, call.caKeyHash, where, signal);
    trust = (shown) => checkIssued(where, shown, ca);
  }
  const reply = await exchange(
    call,
    { method: 'POST', path: JOIN_PATH, body: JSON.stringify(call.request), trust },
    where,
    signal,
  );
  if (reply.status !== 200) throw refusal(where, reply);
  const answer = parseJoinAnswer(parseJson(reply.body, 'the answer to the join'));
  if (!answer.serverKeyHashes.includes(reply.serverKeyHash))
    throw new SkerryError('WrongServer', `${where}: it shows a key that is not among those it asks to pin`);
  return answer;
}

/**
 * Asks the server, whose key is pinned, to let this node go. Rejects with Unauthorized where it knows no node of this key (any more),
 * WrongServer, Unreachable, Aborted, or the server's own refusal.
 */
export async function askToLeave(target: DialTarget & { readonly clock: Clock }, signal: AbortSignal): Promise<void> {
  const where = `leave by ${hostPort(target)}`;
  const trust = (shown: X509Certificate) => checkPinned(where, shown, target.pins);
  const reply = await exchange(
    { ...target, server: target },
    { method: 'POST', path: LEAVE_PATH, body: '', trust },
    where,
    signal,
  );
  if (reply.status !== 200) throw refusal(where, reply);
}

async function fetchCa(call: JoinCall, caKeyHash: string, where: string, signal: AbortSignal): Promise<X509Certificate> {
  const reply = await exchange(call, { method: 'GET', path: CA_PATH, body: '', trust: () => {} }, where, signal);
  const ca = reply.status === 200 ? parseCertificate(reply.body) : undefined;
  if (ca === undefined)
    throw new SkerryError('WrongServer', `${where}: what answers there gives no CA certificate (HTTP ${reply.status})`);
  if (certificateKeyHash(ca) !== caKeyHash || !ca.ca)
    throw new SkerryError(
      'WrongServer',
      `${where}: its CA is not the one that the token names: the token is of another cluster, or somebody stands between`,
    );
  return ca;
}

function checkIssued(where: string, shown: X509Certificate, ca: X509Certificate): void {
  if (!shown.verify(ca.publicKey) || shown.keyUsage?.includes(SERVER_AUTH) !== true)
    throw new SkerryError('WrongServer', `${where}: its certificate was not issued for a server by the CA that the token names`);
}

function checkPinned(where: string, shown: X509Certificate, keyHashes: readonly string[]): void {
  const keyHash = certificateKeyHash(shown);
  if (!keyHashes.includes(keyHash))
    throw new SkerryError('WrongServer', `${where}: it has the key ${keyHash}, not one that this node pinned when it joined`);
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
