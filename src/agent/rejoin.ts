import { hasCode } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { AgentTransport } from '#net/link/transport.ts';
import { rejoin, type Identity, type IdentityOptions } from './identity.ts';

/**
 * A transport that, when its key is refused, asks to be let in again by the cluster's word from the first join: a server that has lost its
 * database does so, one that has removed the node says no. Either way the caller's back-off goes on as after any refusal.
 */
export function withRejoin(
  transport: AgentTransport,
  identity: Identity,
  options: Pick<IdentityOptions, 'labels' | 'release' | 'clock'> & { readonly log: Log },
): AgentTransport {
  let askedMs = -Infinity;
  return {
    connect: async (handlers, signal) => {
      try {
        return await transport.connect(handlers, signal);
      } catch (refused) {
        const nowMs = options.clock.monotonic();
        if (!hasCode(refused, 'Unauthorized') || nowMs - askedMs < REJOIN_EVERY_MS) throw refused;
        askedMs = nowMs;
        try {
          await rejoin(identity, options, signal);
        } catch (error) {
          options.log.warn({ err: error }, 'the server does not let this node in again');
          throw refused;
        }
        options.log.info({}, 'the server has let this node in again');
        return await transport.connect(handlers, signal);
      }
    },
  };
}

const REJOIN_EVERY_MS = 60_000;
