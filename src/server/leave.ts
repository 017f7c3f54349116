import { JOIN_NAMESPACE } from '#api/join-token.ts';
import { LEAVE_PATH, NODE_KEY_EXTRA } from '#api/link/leave.ts';
import { apiError, isConflict, isNotFound } from '#api/status.ts';
import type { Log } from '#lib/log.ts';
import type { NodeOf } from '#net/link/server.ts';
import type { Change } from '#rest/change.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { Storage } from '#rest/storage.ts';
import { JOIN_AUTHOR } from './auth/authorize.ts';
import { nodeKeyName, storedKeyHash } from './auth/node-keys.ts';
import type { Carrier } from './carry-out.ts';

/**
 * Lets a node go that asks for it with its own key: its Node, so that its pods are replaced elsewhere, and its key. What runs on the machine is
 * the machine's to stop (src/agent/reset-node.ts).
 */
export type LeaveOptions = {
  readonly storage: Pick<Storage, 'get'>;
  readonly change: Carrier;
  readonly nodeOf: NodeOf;
  readonly log: Log;
};

/** For ApiOptions.paths. */
export function leavePath({ storage, change, nodeOf, log }: LeaveOptions): ApiOptions['paths'] {
  /** What is gone, or another by now, is not this machine's to delete. */
  const remove = async (what: Extract<Change, { readonly verb: 'delete' }>, signal: AbortSignal) => {
    try {
      await change(what, JOIN_AUTHOR, signal);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };
  return {
    [`POST ${LEAVE_PATH}`]: async ({ user, signal }) => {
      const keyHash = user.extra?.[NODE_KEY_EXTRA]?.[0];
      // Asked anew: the connection may be older than the loss of its key.
      const holder = keyHash === undefined ? undefined : nodeOf(keyHash);
      const name = holder !== undefined && 'node' in holder ? holder.node : undefined;
      const secretName = nodeKeyName(name ?? '');
      const secret = await storage.get({ resource: 'secrets', namespace: JOIN_NAMESPACE, name: secretName });
      if (name === undefined || secret === undefined || storedKeyHash(secret) !== keyHash)
        throw apiError(
          'Unauthorized',
          'leave: no node of this cluster has this key: it was removed, or another machine has its name',
        );
      const { uid = '', ownerReferences } = secret.metadata;
      const owner = ownerReferences?.[0]?.uid ?? '';
      await remove({ verb: 'delete', resource: 'nodes', namespace: '', name, uid: owner }, signal);
      await remove({ verb: 'delete', resource: 'secrets', namespace: JOIN_NAMESPACE, name: secretName, uid }, signal);
      log.info({ node: name }, 'a node has left');
      return {
        type: 'value',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ node: name }),
      };
    },
  };
}
