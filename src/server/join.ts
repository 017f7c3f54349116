import { X509Certificate, createPublicKey, type KeyObject } from 'node:crypto';
import type { ClusterNetwork } from '#api/cluster-network.ts';
import { CA_PATH, JOIN_BYTES_MAX, JOIN_PATH, parseJoinRequest, type JoinAnswer, type JoinRequest } from '#api/link/join.ts';
import { isSignedMembership, signMembership, type SignedMembership } from '#api/link/membership.ts';
import { JOIN_NAMESPACE, joinTokenName, joinTokenState, withOneUseLess } from '#api/join-token.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { KubeObject } from '#api/object.ts';
import { apiError, badRequestError, isAlreadyExists, isConflict, isNotFound } from '#api/status.ts';
import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError, explain } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { rfc3339 } from '#lib/time.ts';
import type { NodeOf } from '#net/link/server.ts';
import { publicKeyHash } from '#net/tls/key-hash.ts';
import { createTokenBucket } from '#net/link/token-bucket.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { Answer } from '#rest/request.ts';
import type { Key, Storage, Write } from '#rest/storage.ts';
import { JOIN_AUTHOR } from './auth/authorize.ts';
import { NODE_KEY_TYPE, nodeKeyName, storedKeyHash } from './auth/node-keys.ts';
import type { Pki } from './auth/pki.ts';
import type { Carrier } from './carry-out.ts';
import { isOwnLabel, ownLabels } from './fleet/status-fields.ts';
import { checkJoinRequest } from './join/check-request.ts';
import { createTurns, type Turns } from './join/turns.ts';

/**
 * Lets nodes in. The Node goes through the pipeline (admission gives it its pod CIDR); then one commit pins its key and takes one
 * use off the token, so that no use is lost and no key is pinned without one. A name that has a key keeps it, but for a token that was made to
 * replace that node: then the same commit ends the old one. A node that asks again with its key gets the same answer,
 * for it may not have heard the first. It decides about names and keys, not about what a node may do then.
 */
export type JoinOptions = {
  readonly pki: Pick<Pki, 'cluster' | 'ca' | 'serverKeyHash' | 'signingKey' | 'signingPublicKey' | 'recoveryPublicKey'>;
  readonly storage: Pick<Storage, 'get' | 'commit'>;
  readonly change: Carrier;
  readonly nodeOf: NodeOf;
  readonly incarnation: () => { readonly id: string; readonly confirmed: boolean };
  readonly network: ClusterNetwork;
  /** Of this machine, on its networks. */
  readonly serverAddresses: () => readonly string[];
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'uuid'>;
  readonly log: Log;
};

/** Of joins that fail, over all: so that nobody can try tokens for long, nor keep the disk busy. */
const FAILURES_PER_SECOND = 5;
const FAILURES_BURST = 100;
const ATTEMPTS_MAX = 5;
const KNOWN_MS_MAX = 1_000;
const LOOK_EVERY_MS = 5;

/** `turns`: by token. */
type JoinParts = JoinOptions & { readonly turns: Turns };

/** For ApiOptions.paths. */
export function joinPaths(options: JoinOptions): ApiOptions['paths'] {
  const failures = createTokenBucket(FAILURES_PER_SECOND, FAILURES_BURST, options.clock);
  const busy = new Set<string>();
  const turns = createTurns();
  const answerJoin = async (body: Uint8Array, signal: AbortSignal): Promise<JoinAnswer> => {
    const waitMs = failures.take(0);
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1_000);
      throw apiError('TooManyRequests', 'join: too many joins have failed, try again later', { retryAfterSeconds });
    }
    try {
      if (body.length > JOIN_BYTES_MAX)
        throw apiError('RequestEntityTooLarge', `join: the request has ${body.length} bytes, more than ${JOIN_BYTES_MAX}`);
      const request = parseJoinRequest(body);
      const keyHash = checkJoinRequest(request, { network: options.network, serverAddresses: options.serverAddresses() });
      // Until both are known to be taken: the registry of keys follows the store.
      return await alone(busy, request.node, keyHash, () => join(request, keyHash, { ...options, turns }, signal));
    } catch (error) {
      failures.take(1);
      options.log.warn({ why: explain(error) }, 'a join was refused');
      throw error;
    }
  };
  return {
    [`GET ${CA_PATH}`]: () => Promise.resolve(value('application/x-pem-file', options.pki.ca.certificate)),
    [`POST ${JOIN_PATH}`]: async ({ body, signal }) => value('application/json', JSON.stringify(await answerJoin(body, signal))),
  };
}

/** One join at a time of a name, and of a key. No name of a node is as long as a hash. */
async function alone<T>(busy: Set<string>, node: string, keyHash: string, work: () => Promise<T>): Promise<T> {
  const taken = busy.has(node) ? 'of this name' : busy.has(keyHash) ? 'with its key' : undefined;
  if (taken !== undefined) throw apiError('Conflict', `join node "${node}": another join ${taken} is going on`);
  busy.add(node).add(keyHash);
  try {
    return await work();
  } finally {
    busy.delete(node);
    busy.delete(keyHash);
  }
}

async function join(request: JoinRequest, keyHash: string, options: JoinParts, signal: AbortSignal): Promise<JoinAnswer> {
  const { nodeOf, pki } = options;
  const { node, publicKey } = request;
  const holder = nodeOf(keyHash);
  if ('node' in holder && holder.node !== node)
    throw apiError('Forbidden', `join node "${node}": its key is that of node "${holder.node}"`);

  const { own } = await pin(request, keyHash, options, signal);
  await known(keyHash, options, signal);
  return {
    cluster: pki.cluster,
    node,
    incarnation: options.incarnation().id,
    serverKeyHashes: [pki.serverKeyHash],
    signingKey: pki.signingPublicKey,
    recoveryKey: pki.recoveryPublicKey,
    membership: signMembership({ cluster: pki.cluster, node, publicKey, ...(own ? { own } : {}) }, pki.signingKey),
    ca: new X509Certificate(pki.ca.certificate).toString(),
  };
}

/** Until the name is pinned to this key, by this join or by one before; gives who vouched for it. */
async function pin(request: JoinRequest, keyHash: string, options: JoinParts, signal: AbortSignal): Promise<Voucher> {
  const { node, publicKey, release } = request;
  let created: KubeObject | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const voucher = await voucherOf(request, keyHash, options);
      const pinned = await pinOf(node, options.storage);
      if (pinned.isValid && pinned.keyHash === keyHash) return voucher;
      if (pinned.isValid && voucher.replaces !== node) throw pinnedError(node);
      // No Node is made for what is good no more.
      voucher.spend();
      const owner = pinned.node ?? (created = await createNode(request, voucher, options, signal));
      // A fleet comes with one token: each use is taken from what the one before has left.
      await options.turns(request.token?.id ?? node, async () => {
        if (signal.aborted) throw new SkerryError('Aborted', `join node "${node}": the asker has gone`);
        const { spend } = await voucherOf(request, keyHash, options);
        await options.storage.commit([pinWrite(owner, publicKey, pinned.secret, options), ...spend()]);
      });
      if (pinned.isValid) {
        const { by } = voucher;
        options.log.warn({ node, keyHash, before: pinned.keyHash, release, by }, 'a machine has taken the place of a node');
      } else options.log.info({ node, keyHash, release, by: voucher.by }, 'a node has joined');
      return voucher;
    } catch (error) {
      const isRace = isConflict(error) || isAlreadyExists(error) || isNotFound(error);
      if (isRace && attempt < ATTEMPTS_MAX) continue;
      if (created !== undefined) await removeNode(created, options);
      throw error;
    }
  }
}

function pinnedError(node: string): SkerryError {
  return apiError(
    'Forbidden',
    `join node "${node}": the name is pinned to the key of another machine, or to one that this machine has lost. If it is to take that one's place: make a token with \`skerry token create --replace ${node}\` on the server, or delete the Node (kubectl delete node ${node}). If both are to be nodes: choose another name (--node-name)`,
  );
}

/** The node comes back with its key at once: the registry of keys, which follows the store, is to know it by then. */
async function known(keyHash: string, { nodeOf, clock }: JoinOptions, signal: AbortSignal): Promise<void> {
  const deadlineMs = clock.monotonic() + KNOWN_MS_MAX;
  while (!('node' in nodeOf(keyHash)) && clock.monotonic() < deadlineMs && !signal.aborted)
    await sleep(clock, LOOK_EVERY_MS, signal);
}

/** Who vouches for the node. `spend` gives what is to be written with the pin, or throws where the voucher is good no more. */
type Voucher = {
  readonly by: string;
  /** The node whose key may be replaced. */
  readonly replaces: string | undefined;
  /** Of the server itself, for its own node. */
  readonly own: boolean;
  readonly spend: () => readonly Write[];
};

async function voucherOf(request: JoinRequest, keyHash: string, options: JoinOptions): Promise<Voucher> {
  if (request.token !== undefined) return tokenVoucher(request, request.token, options);
  if (request.membership !== undefined) return membershipVoucher(request.node, request.membership, keyHash, options);
  throw apiError('Unauthorized', `join node "${request.node}": there is neither a token nor a membership`);
}

const ANOTHER_TOKEN = ': make a new one with `skerry token create` on the server, then run the same line again with it';

async function tokenVoucher(
  { node, labels }: JoinRequest,
  { id, secret }: { readonly id: string; readonly secret: string },
  { storage, clock }: JoinOptions,
): Promise<Voucher> {
  const key: Key = { resource: 'secrets', namespace: JOIN_NAMESPACE, name: joinTokenName(id) };
  // Sound: what is kept under `secrets` has been decoded as one.
  const stored = (await storage.get(key)) as Secret | undefined;
  const state = stored === undefined ? undefined : joinTokenState(stored);
  if (stored === undefined || state?.matches(secret) !== true)
    throw apiError(
      'Unauthorized',
      `join node "${node}": the token ${JSON.stringify(id)} is not known here, or its secret is wrong${ANOTHER_TOKEN}`,
    );
  const { expiresMs, usesLeft, replaces, own } = state;
  if (replaces !== undefined && replaces !== node)
    throw apiError(
      'Forbidden',
      `join node "${node}": the token ${JSON.stringify(id)} is for a machine that takes the place of node ${JSON.stringify(replaces)} and for no other: start it with --node-name ${replaces}, or make a token without --replace`,
    );
  const reserved = own ? [] : Object.keys(labels).filter((name) => !isOwnLabel(name));
  if (reserved.length > 0)
    throw badRequestError(
      `join node "${node}": labels: ${reserved.join(', ')}: reserved, so no node may set it of itself: leave it out, and set it with \`kubectl label node ${node} …\` once the node has joined`,
    );
  return {
    by: `token ${id}`,
    replaces,
    own,
    spend: () => {
      if (expiresMs !== undefined && clock.now() >= expiresMs)
        throw apiError(
          'Forbidden',
          `join node "${node}": the token ${JSON.stringify(id)} expired at ${rfc3339(expiresMs)}${ANOTHER_TOKEN}`,
        );
      if (usesLeft < 1)
        throw apiError('Forbidden', `join node "${node}": the token ${JSON.stringify(id)} is used up${ANOTHER_TOKEN}`);
      return [{ key, object: withOneUseLess(stored), expect: { revision: Number(stored.metadata.resourceVersion) } }];
    },
  };
}

/** Good only for a database that is new or restored: under one that is confirmed, a node without a pin was deleted on purpose. */
function membershipVoucher(node: string, signed: SignedMembership, keyHash: string, { pki, incarnation }: JoinOptions): Voucher {
  const { membership } = signed;
  const isOurs =
    membership.cluster === pki.cluster &&
    membership.node === node &&
    hashOfPem(membership.publicKey) === keyHash &&
    isSignedMembership(signed, createPublicKey(pki.signingKey));
  if (!isOurs)
    throw apiError('Unauthorized', `join node "${node}": its membership is not one that this cluster has signed for it`);
  return {
    by: 'membership',
    replaces: undefined,
    own: membership.own === true,
    spend: () => {
      if (incarnation().confirmed)
        throw apiError('Forbidden', `join node "${node}": it was removed from this cluster; join it with a new token`);
      return [];
    },
  };
}

type Pin = {
  readonly node: KubeObject | undefined;
  readonly secret: KubeObject | undefined;
  readonly keyHash: string | undefined;
  /** False: left over from a Node of this name that is gone; nobody has collected it yet. */
  readonly isValid: boolean;
};

async function pinOf(name: string, storage: Pick<Storage, 'get'>): Promise<Pin> {
  const node = await storage.get({ resource: 'nodes', namespace: '', name });
  const secret = await storage.get(pinKey(name));
  const owner = secret?.metadata.ownerReferences?.[0]?.uid;
  const isValid = node !== undefined && secret !== undefined && owner === node.metadata.uid;
  return { node, secret, keyHash: secret === undefined ? undefined : storedKeyHash(secret), isValid };
}

function pinWrite(node: KubeObject, publicKey: string, old: KubeObject | undefined, { clock, ids }: JoinOptions): Write {
  const { name = '', uid = '' } = node.metadata;
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: nodeKeyName(name),
      namespace: JOIN_NAMESPACE,
      uid: ids.uuid(),
      creationTimestamp: rfc3339(clock.now()),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    type: NODE_KEY_TYPE,
    data: { publicKey: Buffer.from(publicKey, 'utf8').toString('base64') },
  };
  return {
    key: pinKey(name),
    object: secret,
    expect: old === undefined ? { absent: true } : { revision: Number(old.metadata.resourceVersion) },
  };
}

const pinKey = (node: string): Key => ({ resource: 'secrets', namespace: JOIN_NAMESPACE, name: nodeKeyName(node) });

async function createNode(
  { node, labels }: JoinRequest,
  { own }: Voucher,
  { change }: JoinOptions,
  signal: AbortSignal,
): Promise<KubeObject> {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node, labels: { ...(own ? labels : ownLabels(labels)), 'kubernetes.io/hostname': node } },
    spec: {},
  };
  const created = await change({ verb: 'create', resource: 'nodes', object }, JOIN_AUTHOR, signal);
  if (created === undefined) throw new SkerryError('Bug', `join node "${node}": the pipeline gave no Node`);
  return created;
}

/** A Node that was made for a join that failed after all. */
async function removeNode({ metadata }: KubeObject, { change, log }: JoinOptions): Promise<void> {
  const { name = '', uid = '' } = metadata;
  try {
    await change({ verb: 'delete', resource: 'nodes', namespace: '', name, uid }, JOIN_AUTHOR, new AbortController().signal);
  } catch (error) {
    log.warn({ err: error, node: name }, 'the Node of a join that failed stays');
  }
}

function hashOfPem(pem: string): string | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return undefined;
  }
  return publicKeyHash(key);
}

function value(type: string, body: string): Answer {
  return { type: 'value', status: 200, headers: { 'content-type': type }, body };
}
