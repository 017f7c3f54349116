import { hasCode } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { AgentTransport } from '#net/link/transport.ts';
import { joinAgain, rejoin, type Identity, type IdentityOptions } from './identity.ts';

/**
 * A transport that, when its key is refused, asks to be let in again. First by the cluster's word from the first join, which costs nothing: a server that
 * has lost its database takes it, one that has removed the node says no. Only then by the token that the agent was started with, if any: it may have
 * expired long ago, and while the identity is good nobody asks. Whatever comes of it, the caller's back-off goes on as after any refusal.
 */
export type RejoinOptions = Pick<IdentityOptions, 'dataDir' | 'labels' | 'release' | 'clock' | 'token'> & { readonly log: Log };

export function withRejoin(transport: AgentTransport, identity: Identity, options: RejoinOptions): AgentTransport {
  const { clock, log } = options;
  let askedMs = -Infinity;
  /** Nothing makes it good again. */
  let tokenRefused = false;
  let lastWhy = '';

  /** Rejects with why the server does not let this node in. */
  const letIn = async (signal: AbortSignal): Promise<void> => {
    try {
      await rejoin(identity, options, signal);
      return;
    } catch (error) {
      if (!hasCode(error, 'Forbidden', 'Unauthorized') || options.token === undefined || tokenRefused) throw error;
    }
    const { token } = options;
    try {
      await joinAgain(identity, typeof token === 'string' ? token : await token(), options, signal);
    } catch (error) {
      // What a function gives is a new one each time.
      tokenRefused = typeof token === 'string' && hasCode(error, ...FINAL);
      throw error;
    }
  };

  return {
    connect: async (handlers, signal) => {
      try {
        return await transport.connect(handlers, signal);
      } catch (refused) {
        const nowMs = clock.monotonic();
        if (!hasCode(refused, 'Unauthorized') || nowMs - askedMs < REJOIN_EVERY_MS) throw refused;
        askedMs = nowMs;
        try {
          await letIn(signal);
        } catch (error) {
          // Told once per reason: a node that was removed may run on for months.
          const why = error instanceof Error ? error.message : '';
          if (why !== lastWhy && !signal.aborted)
            log.warn({ err: error, remedy: remedyFor(identity, options.dataDir) }, 'the server does not let this node in again');
          lastWhy = why;
          throw refused;
        }
        lastWhy = '';
        log.info({}, 'the server has let this node in again');
        return await transport.connect(handlers, signal);
      }
    },
  };
}

const REJOIN_EVERY_MS = 60_000;
const FINAL = ['Unauthorized', 'Forbidden', 'BadToken', 'BadAnswer', 'BadRequest', 'WrongServer'] as const;

function remedyFor({ server: { host, port } }: Identity, dataDir: string): string {
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `if it was removed: make a token with \`skerry token create\` on the server, stop this agent, and start it as: skerry agent --server ${url} --token TOKEN --data-dir ${dataDir}`;
}
