import { connect } from 'node:net';
import type { Clock } from '#lib/clock.ts';
import { dialText } from './dial-error.ts';
import type { TcpProbe } from './probe-request.ts';
import type { ProbeOutcome } from './probe-state.ts';

/** A tcp probe: a connection that can be made is a success, and closed at once. Never rejects. */
export function tcpConnect(
  { host, port }: TcpProbe,
  timeoutMs: number,
  clock: Pick<Clock, 'timer'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: ProbeOutcome) => {
      cancel();
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(outcome);
    };
    const giveUp = () => end({ result: 'unknown', message: 'given up' });
    const cancel = clock.timer(timeoutMs, () => end({ result: 'failure', message: `dial tcp ${host}:${port}: i/o timeout` }));
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('error', (error) => end({ result: 'failure', message: dialText(host, port, error) }));
    socket.once('connect', () => end({ result: 'success' }));
    if (signal.aborted) giveUp();
  });
}
