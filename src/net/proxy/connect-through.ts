import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort, type HostPort } from '#lib/host-port.ts';
import { authorities } from '../tls/authorities.ts';
import { shownProxy, type Proxy } from './proxy.ts';

export type Destination = HostPort & { readonly timeoutMs: number; readonly clock: Clock };

/**
 * A connection to `host:port` that `proxy` was asked for by CONNECT (RFC 9110 §9.3.6): it looks the name up, and sees nothing of what is said but where
 * it goes. Half-open connections are allowed. The socket has no listeners but one that keeps `error` from being fatal. Rejects with Unreachable, which
 * says what the proxy answered, or Aborted.
 */
export async function connectThrough(
  proxy: Proxy,
  { host, port, timeoutMs, clock }: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  // Not before one is needed: a command's start is its time.
  const { request } = await import('node:http');
  const target = hostPort({ host, port });
  const where = `connect to ${target} through the proxy ${shownProxy(proxy)}`;
  if (signal.aborted) throw new SkerryError('Aborted', `${where}: stopped`);
  return new Promise((resolve, reject) => {
    const call = request({
      createConnection: () => connectTo(proxy),
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        // Node would ask for its end.
        connection: 'keep-alive',
        ...(proxy.login === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(proxy.login).toString('base64')}` }),
      },
    });
    const settle = (act: () => void) => {
      cancelTimer();
      signal.removeEventListener('abort', aborted);
      act();
    };
    const end = (error: SkerryError) =>
      settle(() => {
        call.destroy();
        reject(error);
      });
    const failed = (why: string) => end(new SkerryError('Unreachable', `${where}: ${why}`));
    const aborted = () => end(new SkerryError('Aborted', `${where}: stopped`));
    const cancelTimer = clock.timer(timeoutMs, () => failed(`no answer within ${timeoutMs} ms`));
    signal.addEventListener('abort', aborted, { once: true });
    call.on('connect', ({ statusCode = 0, statusMessage = '' }, socket: Socket, first) => {
      // Between two owners of the socket an error must not be fatal.
      socket.on('error', () => undefined);
      if (statusCode >= 200 && statusCode < 300) {
        if (first.length > 0) socket.unshift(first);
        settle(() => resolve(socket));
        return;
      }
      socket.destroy();
      failed(`it answers HTTP ${`${statusCode} ${statusMessage}`.trim()}${ADVICE[statusCode] ?? ''}`);
    });
    call.on('error', (cause) => end(new SkerryError('Unreachable', where, { cause })));
    call.end();
  });
}

function connectTo({ host, port, isTls }: Proxy): Socket {
  if (!isTls) return connect({ host, port, allowHalfOpen: true });
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const options = { host, port, ...servername, secureContext: trust(), allowHalfOpen: true, ALPNProtocols: ['http/1.1'] };
  return connectTls(options);
}

let trusted: SecureContext | undefined;

/** One for all connections: each of its own would hold 1.5 MB, and take 10 ms to be made. */
const trust = (): SecureContext => (trusted ??= createSecureContext({ ca: authorities() }));

const LOGIN = '; it wants a user and a password: http://USER:PASSWORD@HOST:PORT';
/** RFC 9110 §15.5.8 asks for 407; tinyproxy answers a wrong login with 401. */
const ADVICE: Readonly<Record<number, string>> = {
  401: LOGIN,
  403: '; it has to allow CONNECT to that port',
  407: LOGIN,
};
