import { hasCode } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { AgentConnection, AgentHandlers, AgentTransport } from '#net/link/transport.ts';
import { joinAgain, rejoin, type Identity, type IdentityOptions } from './identity.ts';

/**
 * A transport that, when its key is refused, asks to be let in again. First by the cluster's word from the first join, which costs nothing: a server that
 * has lost its database takes it, one that has removed the node says no. Only then by the token that the agent was started with, if any: it may have
 * expired long ago, and while the identity is good nobody asks. Whatever comes of it, the caller's back-off goes on as after any refusal; a server
 * that says no again and again is asked more and more rarely.
 */
export type RejoinOptions = Pick<IdentityOptions, 'dataDir' | 'labels' | 'release' | 'clock' | 'token' | 'onJoined'> & {
  readonly ids: Pick<Ids, 'random'>;
  readonly isInstalled?: boolean;
  /** Why the server lets this node in no more; undefined: it has let it in. */
  readonly onRefused?: (why: string | undefined) => void;
  readonly log: Log;
};

export function withRejoin(transport: AgentTransport, identity: Identity, options: RejoinOptions): AgentTransport {
  const { clock, ids, log } = options;
  let askAgainMs = -Infinity;
  /** In a row. */
  let refusals = 0;
  /** The one that nothing makes good again. */
  let refusedToken: string | undefined;
  let lastWhy = '';

  /** Rejects with why the server does not let this node in. */
  const letIn = async (signal: AbortSignal): Promise<void> => {
    const { token } = options;
    let removed: unknown;
    try {
      await rejoin(identity, options, signal);
      return;
    } catch (error) {
      if (!hasCode(error, 'Forbidden', 'Unauthorized') || token === undefined) throw error;
      removed = error;
    }
    const text =
      typeof token === 'string'
        ? token
        : await token(identity.node).catch((error: unknown) => {
            throw hasCode(error, 'NoToken') ? removed : error;
          });
    if (text === refusedToken) throw removed;
    try {
      await joinAgain(identity, text, options, signal);
    } catch (error) {
      if (hasCode(error, ...FINAL)) refusedToken = text;
      throw error;
    }
  };

  /** It is in: whatever a token was still needed for is over, that of a join which a power cut fell upon too. */
  const connected = async (handlers: AgentHandlers, signal: AbortSignal): Promise<AgentConnection> => {
    const connection = await transport.connect(handlers, signal);
    refusals = 0;
    options.onJoined?.();
    options.onRefused?.(undefined);
    return connection;
  };

  return {
    connect: async (handlers, signal) => {
      try {
        return await connected(handlers, signal);
      } catch (refused) {
        const nowMs = clock.monotonic();
        if (!hasCode(refused, 'Unauthorized') || nowMs < askAgainMs) throw refused;
        askAgainMs = nowMs + waitMs(refusals, ids.random());
        try {
          await letIn(signal);
        } catch (error) {
          // Whom nobody answered may be let in by the next who does.
          if (hasCode(error, ...FINAL)) {
            refusals += 1;
            options.onRefused?.(error.message);
          }
          // Told once per reason: a node that was removed may run on for months.
          const why = error instanceof Error ? error.message : '';
          if (why !== lastWhy && !signal.aborted)
            log.warn({ err: error, remedy: remedyFor(identity, options) }, 'the server does not let this node in again');
          lastWhy = why;
          throw refused;
        }
        lastWhy = '';
        log.info({}, 'the server has let this node in again');
        return await connected(handlers, signal);
      }
    },
  };
}

const ASK_EVERY_MS_MIN = 60_000;
const ASK_EVERY_MS_MAX = 60 * 60_000;

/** Doubled with each refusal before it; spread, so that a fleet that was removed does not ask as one. */
function waitMs(refusals: number, random: number): number {
  return Math.min(ASK_EVERY_MS_MAX, ASK_EVERY_MS_MIN * 2 ** Math.min(refusals, 30)) * (1 - random / 4);
}

const FINAL = ['Unauthorized', 'Forbidden', 'BadToken', 'BadAnswer', 'BadRequest', 'WrongServer'] as const;

function remedyFor({ server }: Identity, { dataDir, isInstalled = false }: RejoinOptions): string {
  const url = `https://${hostPort(server)}`;
  const how = isInstalled
    ? `run here: skerry install agent --server ${url} --token-file FILE`
    : `stop this agent, and start it as: skerry agent --server ${url} --token TOKEN --data-dir ${dataDir} (or put it into its token file)`;
  return `if it was removed: make a token with \`skerry token create\` on the server, and ${how}`;
}
