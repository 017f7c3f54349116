import { createPublicKey } from 'node:crypto';
import { JOIN_NAMESPACE } from '#api/join-token.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { KubeObject } from '#api/object.ts';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import type { NodeOf } from '#net/link/server.ts';
import { publicKeyHash } from '#net/tls/key-hash.ts';
import type { Storage, Watch } from '#rest/storage.ts';

/**
 * Which node holds which key: the Secrets of type skerry.dev/node-key, kept in memory and followed live. Each is owned by its Node, so that deleting
 * the Node revokes the key.
 */
export type NodeKeys = {
  readonly nodeOf: NodeOf;
  /** Resolves once every key that is stored is known. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

export type NodeKeysOptions = {
  readonly storage: Pick<Storage, 'list' | 'watch'>;
  /** A key is no longer that node's: its connections are to end. */
  readonly onRevoked: (node: string, why: string) => void;
  readonly clock: Clock;
  readonly log: Log;
};

export const NODE_KEY_TYPE = 'skerry.dev/node-key';
const PREFIX = 'node-key-';
/** Revoked keys that are remembered, to tell their owners so. */
const REVOKED_MAX = 1_024;
const RETRY_MS = 1_000;

export function nodeKeyName(node: string): string {
  return `${PREFIX}${node}`;
}

/** Of the public key in a node-key Secret; undefined if it is none or can not be read. */
export function storedKeyHash(object: KubeObject): string | undefined {
  // Sound: what is kept under the resource `secrets` has been decoded as a Secret.
  const { type, data } = object as Secret;
  if (type !== NODE_KEY_TYPE) return undefined;
  try {
    return publicKeyHash(createPublicKey(Buffer.from(data?.publicKey ?? '', 'base64').toString('utf8')));
  } catch {
    return undefined;
  }
}

export function createNodeKeys({ storage, onRevoked, clock, log }: NodeKeysOptions): NodeKeys {
  const hashes = new Map<string, string>();
  const nodes = new Map<string, string>();
  const revoked = new Map<string, string>();
  let watch: Watch | undefined;
  let stopped = false;

  const set = (node: string, hash: string | undefined) => {
    const before = hashes.get(node);
    if (before === hash) return;
    if (before !== undefined) {
      hashes.delete(node);
      if (nodes.get(before) === node) nodes.delete(before);
      remember(before, node);
    }
    if (hash !== undefined) {
      const holder = nodes.get(hash);
      if (holder !== undefined) log.warn({ node, holder }, 'two nodes are pinned to one key: the later is ignored');
      else {
        nodes.set(hash, node);
        hashes.set(node, hash);
        revoked.delete(hash);
      }
    }
    if (before !== undefined) onRevoked(node, 'its key was revoked');
  };
  const remember = (hash: string, node: string) => {
    revoked.set(hash, node);
    const oldest = revoked.keys().next();
    if (revoked.size > REVOKED_MAX && oldest.done !== true) revoked.delete(oldest.value);
  };

  const follow = async () => {
    const { revision, items } = await storage.list({ resource: 'secrets', namespace: JOIN_NAMESPACE });
    if (stopped) return;
    const stored = new Map(items.flatMap((item) => nodeAndHash(item.metadata.name, item)));
    for (const node of hashes.keys()) if (!stored.has(node)) set(node, undefined);
    for (const [node, hash] of stored) set(node, hash);
    watch = storage.watch(revision, {
      resource: 'secrets',
      batch: (entries) => {
        for (const { key, after } of entries) {
          if (key.namespace !== JOIN_NAMESPACE || !key.name.startsWith(PREFIX)) continue;
          set(key.name.slice(PREFIX.length), after === undefined ? undefined : storedKeyHash(after));
        }
      },
      ended: (why) => {
        if (!stopped) again(why);
      },
    });
  };
  const again = (why: unknown) => {
    log.warn({ err: why }, 'the keys of nodes are read anew');
    clock.timer(RETRY_MS, () => {
      if (!stopped) follow().catch(again);
    });
  };

  return {
    nodeOf: (hash) => {
      const node = nodes.get(hash);
      if (node !== undefined) return { node };
      const was = revoked.get(hash);
      const what =
        was === undefined ? `no node of this cluster has the key ${hash.slice(0, 16)}…` : `the key of node "${was}" was revoked`;
      return { refused: `${what}: join it with a token` };
    },
    start: follow,
    stop: () => {
      stopped = true;
      watch?.stop();
    },
  };
}

function nodeAndHash(name: string | undefined, item: KubeObject): readonly (readonly [string, string])[] {
  const hash = storedKeyHash(item);
  return name?.startsWith(PREFIX) === true && hash !== undefined ? [[name.slice(PREFIX.length), hash]] : [];
}
