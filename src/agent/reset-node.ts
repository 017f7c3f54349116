import { existsSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { removeDurableFile, syncFolder } from '#lib/durable-file.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { clearHeldNode, type Cleared, type ClearNodeOptions } from './clear-node.ts';
import { holdNode } from './held-node.ts';
import { identityFile, leave, readIdentity, type Identity } from './identity.ts';

/**
 * Makes a node a plain machine again, which can join anew: the server is told, what the agent has made is taken away, its key and ledger are
 * deleted. Each step can be made again; who the node was is forgotten last, since the others go by it. A server's own state is not touched.
 */
export type ResetOptions = Omit<ClearNodeOptions, 'anyNode'> & {
  /** Where the server is by now, if it has moved. */
  readonly server?: string;
  readonly proxy?: Proxy;
  /** Also where the server can not be told, or something can not be taken away. */
  readonly force: boolean;
  readonly ids: Pick<Ids, 'bytes'>;
};

export type ResetDone = {
  /** Undefined: this machine was no node, as far as can be read. */
  readonly node: string | undefined;
  /** What the server knows: that the node has left, nothing of it for long, or nothing of its leaving. */
  readonly server: 'told' | 'did not know it' | 'not told';
  readonly cleared: Cleared;
  /** Key, identity and ledger are deleted. */
  readonly forgotten: boolean;
};

/** Throws InUse (an agent runs), Unreachable and the like (the server can not be told; nothing was done), BrokenIdentity, without `force`. */
export async function resetNode(options: ResetOptions, signal: AbortSignal): Promise<ResetDone> {
  const held = holdNode(options);
  try {
    const identity = await identityOf(options);
    const server = identity === undefined ? 'not told' : await takeLeave(identity, options, signal);
    const cleared = await clearHeldNode(held, options, signal);
    const forgotten = cleared.left.length === 0 || options.force;
    if (forgotten) forget(options.dataDir, held.release);
    return { node: held.node, server, cleared, forgotten };
  } finally {
    held.release();
  }
}

async function identityOf({ force, ...options }: ResetOptions): Promise<Identity | undefined> {
  try {
    return await readIdentity({ ...options, hostname: hostname() });
  } catch (error) {
    if (force && hasCode(error, 'BrokenIdentity')) return undefined;
    throw error;
  }
}

async function takeLeave(
  identity: Identity,
  { clock, force, tell }: ResetOptions,
  signal: AbortSignal,
): Promise<ResetDone['server']> {
  const { node } = identity;
  try {
    await leave(identity, clock, signal);
    tell(`the server has removed node ${node}`);
    return 'told';
  } catch (cause) {
    if (hasCode(cause, 'Unauthorized')) return 'did not know it';
    if (force && !signal.aborted) return 'not told';
    throw new SkerryError(
      'ServiceUnavailable',
      `reset node "${node}": the server can not be told, so nothing was done; try again when it is reachable (--server URL if it has moved), or use --force, and then \`kubectl delete node ${node}\` on the server`,
      { cause },
    );
  }
}

/**
 * The identity first: what is there without it is no node's. Then all of it out of the way in one step, so that no agent that starts meanwhile meets half.
 * Both are on the disk before it is said to be done: a power cut must not bring back who the node was.
 */
function forget(dataDir: string, release: () => void): void {
  const folder = join(dataDir, 'agent');
  try {
    removeDurableFile(identityFile(dataDir));
    release();
    const aside = `${folder}${ASIDE}`;
    rmSync(aside, { recursive: true, force: true });
    if (existsSync(folder)) renameSync(folder, aside);
    rmSync(aside, { recursive: true, force: true });
    if (existsSync(dataDir)) syncFolder(dataDir);
  } catch (cause) {
    throw new SkerryError('DiskError', `delete ${folder}`, { cause });
  }
}

const ASIDE = '.reset';
