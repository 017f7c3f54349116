import { newJoinToken } from '#api/join-token.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { View } from './view.ts';
import { JOIN_AUTHOR } from './auth/authorize.ts';
import type { Carrier } from './carry-out.ts';

/**
 * How the agent of the server's own node is let in: by a token of the server itself, which takes the node's place where the node was this server's before,
 * since the machine that has lost its data is this one. No agent elsewhere can give its node this label.
 */
export const OWN_NODE_LABEL = 'node-role.kubernetes.io/control-plane';

const TTL_MS = 10 * 60_000;

export type OwnTokenOptions = {
  readonly caKeyHash: string;
  readonly view: () => View;
  readonly change: Carrier;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'suffix' | 'bytes'>;
};

/** Good for one use. */
export async function makeOwnToken(
  node: string,
  { caKeyHash, view, change, clock, ids }: OwnTokenOptions,
  signal: AbortSignal,
): Promise<string> {
  const wasOurs = view().get('nodes', '', node)?.metadata.labels?.[OWN_NODE_LABEL] !== undefined;
  const { token, secret } = newJoinToken({
    caKeyHash,
    ttlMs: TTL_MS,
    uses: 1,
    own: true,
    ...(wasOurs ? { replaces: node } : {}),
    description: "the server's own node",
    ids,
    now: clock.now(),
  });
  await change({ verb: 'create', resource: 'secrets', object: secret }, JOIN_AUTHOR, signal);
  return token;
}
