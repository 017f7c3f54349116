import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '#lib/clock.ts';
import { dialText } from './dial-error.ts';
import type { HttpProbe } from './probe-request.ts';
import type { ProbeOutcome } from './probe-state.ts';

/**
 * An http probe (upstream: pkg/probe/http): a GET on a connection of its own, certificates not looked at, 200 to 399 is a success. Redirects are followed on the same host; one
 * that leads elsewhere is a success with a warning. The timeout is for all of it. Never rejects.
 */
export async function httpGet(
  probe: HttpProbe,
  timeoutMs: number,
  clock: Pick<Clock, 'timer'>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const end = new AbortController();
  let isLate = false;
  const cancel = clock.timer(timeoutMs, () => {
    isLate = true;
    end.abort();
  });
  const giveUp = () => end.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  let at: Target = { url: urlOf(probe), headers: headersOf(probe) };
  try {
    for (let followed = 0; followed < REDIRECTS_MAX; followed += 1) {
      const answer = await get(at, end.signal);
      const next = redirect(at, answer);
      if (next === undefined || next.url.hostname !== at.url.hostname) return judge(answer);
      at = next;
    }
    return failure(at, `stopped after ${REDIRECTS_MAX} redirects`);
  } catch (error) {
    if (signal.aborted) return { result: 'unknown', message: 'given up' };
    if (isLate) return failure(at, 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
    // Whatever is thrown here is an Error of Node's.
    const { hostname, port, protocol } = at.url;
    return failure(at, dialText(hostname, Number(port) || (protocol === 'https:' ? 443 : 80), error as Error));
  } finally {
    cancel();
    signal.removeEventListener('abort', giveUp);
  }
}

export const USER_AGENT = 'kube-probe/1.36';
const REDIRECTS_MAX = 10;
const BODY_BYTES_MAX = 10 * 1024;
const HEADERS_BYTES_MAX = 64 * 1024;

type Headers = Readonly<Record<string, readonly string[]>>;

type Target = { readonly url: Url; readonly headers: Headers };

/** As it is written, which the URL class would not leave: it takes `..` out of paths. */
type Url = {
  readonly protocol: 'http:' | 'https:';
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
};

type Answer = { readonly status: number; readonly location: string | undefined; readonly body: string };

function urlOf({ scheme, host, port, path }: HttpProbe): Url {
  return { protocol: `${scheme}:`, hostname: host, port: String(port), path };
}

const textOf = ({ protocol, hostname, port, path }: Url) =>
  `${protocol}//${isIP(hostname) === 6 ? `[${hostname}]` : hostname}${port === '' ? '' : `:${port}`}${path}`;

/** A name may come several times. What is ours goes only where the spec names no other; an empty Accept leaves it out. */
function headersOf({ headers }: HttpProbe): Headers {
  const given = new Map<string, string[]>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    given.set(key, [...(given.get(key) ?? []), value]);
  }
  if (given.get('host')?.[0] === '') given.delete('host');
  const all = new Map([['user-agent', [USER_AGENT]], ['accept', ['*/*']], ...given]);
  if (all.get('accept')?.[0] === '') all.delete('accept');
  return Object.fromEntries(all);
}

function get({ url, headers }: Target, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { protocol, hostname, port, path } = url;
    const isSecure = protocol === 'https:';
    const usualPort = isSecure ? 443 : 80;
    const to = { host: hostname, port: port === '' ? usualPort : Number(port) };
    // Go names the host that is dialled, not the one of a Host header, and no address.
    const secure = { ...to, rejectUnauthorized: false, servername: isIP(hostname) === 0 ? hostname : '' };
    const call = request({
      ...to,
      defaultPort: usualPort,
      path,
      headers: outgoing(headers),
      // A connection of its own, for whether one can be made is what is asked; by no agent: a third of the work would be its.
      createConnection: () => (isSecure ? connectTls(secure) : connect(to)),
      maxHeaderSize: HEADERS_BYTES_MAX,
      // As lenient as Go's: what a few lines of shell answer ends its lines without a CR.
      insecureHTTPParser: true,
      signal,
    });
    call.on('error', reject);
    call.on('response', (response) => {
      readBody(response, (body) => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
        call.destroy();
      });
      response.on('error', reject);
    });
    call.end();
  });
}

function outgoing(headers: Headers): OutgoingHttpHeaders {
  const all = Object.entries(headers).map(([name, values]): [string, string | string[]] => [name, only(values) ?? [...values]]);
  return Object.fromEntries(all);
}

function only([first, ...others]: readonly string[]): string | undefined {
  return others.length === 0 ? first : undefined;
}

function readBody(response: IncomingMessage, done: (body: string) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const end = () => done(Buffer.concat(pieces).subarray(0, BODY_BYTES_MAX).toString());
  response.on('data', (piece: Buffer) => {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= BODY_BYTES_MAX) end();
  });
  response.on('end', end);
}

function judge({ status, body }: Answer): ProbeOutcome {
  if (status >= 200 && status < 300) return { result: 'success' };
  if (status >= 300 && status < 400) return { result: 'warning', message: `Probe terminated redirects, Response body: ${body}` };
  return { result: 'failure', message: `HTTP probe failed with statuscode: ${status}` };
}

const FOLLOWED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Where it leads; undefined where it leads nowhere. */
function redirect({ url, headers }: Target, { status, location }: Answer): Target | undefined {
  if (!FOLLOWED.has(status) || location === undefined || location === '') return undefined;
  const base = textOf(url);
  if (!URL.canParse(location, base)) return undefined;
  const next = new URL(location, base);
  if (next.protocol !== 'http:' && next.protocol !== 'https:') return undefined;
  const { protocol, port, pathname, search } = next;
  const hostname = next.hostname.replace(/^\[|\]$/g, '');
  // A Host header stays with the host that it was meant for.
  const isElsewhere = URL.canParse(location);
  const { host: _host, ...others } = headers;
  return { url: { protocol, hostname, port, path: `${pathname}${search}` }, headers: isElsewhere ? others : headers };
}

function failure({ url }: Target, why: string): ProbeOutcome {
  return { result: 'failure', message: `Get ${JSON.stringify(textOf(url))}: ${why}` };
}
