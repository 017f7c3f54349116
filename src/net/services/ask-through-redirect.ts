import { connect } from 'node:net';
import { sleep, type Clock } from '#lib/clock.ts';

/**
 * Whether our rules stand, asked for the price of a connection to ourselves: at a port where nobody listens, and nobody else will, which a redirect of the
 * table leads to one where this agent does. Who flushes rules takes the redirect as well.
 */
export const ASKED_PORT = 1;
const ANSWER_MS_MAX = 1000;

/** Only while something listens behind the redirect: else the answer is always no. */
export async function askThroughRedirect(address: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ host: address, port: ASKED_PORT });
  const late = new AbortController();
  const answer = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  const end = AbortSignal.any([signal, late.signal]);
  try {
    return await Promise.race([answer, sleep(clock, ANSWER_MS_MAX, end).then(() => false)]);
  } finally {
    late.abort();
    socket.destroy();
  }
}
