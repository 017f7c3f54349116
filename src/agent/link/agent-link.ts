import type { KeyObject } from 'node:crypto';
import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { DOCUMENT_BYTES_MAX, ITEM_BYTES_MAX } from '#api/link/messages.ts';
import type { AgentTransport } from '#net/link/transport.ts';
import type { LinkLedger } from '../ledger/link-ledger.ts';
import { STABLE_MS, backoffMs } from './backoff.ts';
import { CommandDesk, type CommandHandler } from './command-desk.ts';
import { Session, type SessionParts } from './session.ts';
import { StagedBlobs } from './staged-blobs.ts';

/**
 * The agent's end of the link: one connection at a time, made again with back-off for as long as the agent lives. All it needs to know
 * about the past is in the ledger.
 */
export type AgentLinkOptions = {
  readonly transport: AgentTransport;
  readonly ledger: LinkLedger;
  readonly cluster: string;
  readonly node: string;
  /** The cluster's signing key, as pinned at the join. */
  readonly publicKey: KeyObject;
  readonly release: string;
  readonly bootId: string;
  readonly keepaliveMs: number;
  /** Carries out a command and gives its result; called once per id. */
  readonly onCommand: CommandHandler;
  /** `connected` gives another answer. */
  readonly onConnected?: () => void;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
};

export type AgentLink = {
  readonly start: () => void;
  /** Resolves once the connection is closed. */
  readonly stop: () => Promise<void>;
  /** The server has greeted this connection. */
  readonly connected: () => boolean;
  /** Does not wait out the back-off: the network has just come up. */
  readonly retryNow: () => void;
};

const KEY = 'link';
/** The loop needs no periodic pass: each run gives the time of the next. */
const PERIOD_MS = 24 * 3_600_000;

export function createAgentLink(options: AgentLinkOptions): AgentLink {
  const log = options.log.child({ part: 'link' });
  const { onConnected = () => undefined } = options;
  const stop = new AbortController();
  const life = { ...options, log };
  const instance = options.ids.uuid();
  const desk = new CommandDesk(options.onCommand, options.clock, log);
  const blobs = new StagedBlobs(DOCUMENT_BYTES_MAX, ITEM_BYTES_MAX);
  let runner: Runner | undefined;
  /** Since when this connection is of use. */
  let greetedMs: number | undefined;
  let failures = 0;
  let lastWhy = '';

  const connectOnce = async (signal: AbortSignal): Promise<number> => {
    const greeted = () => {
      if (greetedMs !== undefined) return;
      greetedMs = options.clock.monotonic();
      onConnected();
    };
    const why = await hold(life, { instance, desk, blobs }, greeted, signal);
    const held = greetedMs !== undefined && options.clock.monotonic() - greetedMs >= STABLE_MS;
    const wasGreeted = greetedMs !== undefined;
    greetedMs = undefined;
    if (wasGreeted) onConnected();
    failures = held ? 1 : failures + 1;
    const retryAfterMs = why instanceof SkerryError ? why.details['retryAfterMs'] : undefined;
    const waitMs = backoffMs(
      {
        failures,
        keepaliveMs: options.keepaliveMs,
        refused: hasCode(why, 'Unauthorized', 'LinkRefused'),
        ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
      },
      options.ids.random(),
    );
    // Told once per reason: an agent may be without its server for months.
    const text = why.message;
    if (!signal.aborted && text !== lastWhy)
      log.warn({ err: why, waitMs: Math.round(waitMs) }, 'no link to the server; trying again');
    lastWhy = text;
    return waitMs;
  };

  return {
    start: () => {
      runner ??= createRunner(
        {
          name: KEY,
          run: (_key, signal) => connectOnce(signal),
          keys: () => [KEY],
          periodMs: PERIOD_MS,
          clock: options.clock,
          ids: options.ids,
          log,
        },
        stop.signal,
      );
    },
    stop: async () => {
      stop.abort();
      await runner?.done;
    },
    connected: () => greetedMs !== undefined,
    retryNow: () => runner?.signal(KEY),
  };
}

/** Connects and resolves with why the connection ended, or never came to be. */
async function hold(
  options: AgentLinkOptions,
  lasting: Pick<SessionParts, 'instance' | 'desk' | 'blobs'>,
  greeted: () => void,
  signal: AbortSignal,
): Promise<Error> {
  let session: Session | undefined;
  let end: (why: Error) => void = () => undefined;
  const ended = new Promise<Error>((resolve) => {
    end = resolve;
  });
  const stopped = () => end(new SkerryError('LinkStopped', 'hold the link: the agent is stopping'));
  signal.addEventListener('abort', stopped, { once: true });
  // What arrives between the connection and its session: nothing yet, since the server speaks when spoken to; and if it does, a hello will bring it again.
  const handlers = {
    message: (kind: string, payload: Uint8Array) => session?.receive(kind, payload),
    closed: (why: Error) => end(why),
  };
  try {
    const connection = await options.transport.connect(handlers, signal);
    session = new Session({ options, ...lasting, close: end, greeted, signal }, connection);
    session.start();
    options.log.info({}, 'connected to the server');
    const why = await ended;
    session.end();
    connection.close();
    return why;
  } catch (error) {
    return error instanceof Error ? error : new SkerryError('LinkFailed', 'connect to the server', { cause: error });
  } finally {
    session?.end();
    signal.removeEventListener('abort', stopped);
  }
}
