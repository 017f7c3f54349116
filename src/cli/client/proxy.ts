import type { Duplex } from 'node:stream';
import { SkerryError } from '#lib/error.ts';

/** HTTP proxies on the way to a server: which one is meant, and connections through it by CONNECT. No SOCKS. */

/**
 * As Go's ProxyFromEnvironment: of `https_proxy` and `no_proxy` in either case, never for this machine itself. A proxy that the kubeconfig
 * names is always meant.
 */
export function proxyFor(
  server: string,
  named: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const url = new URL(server);
  if (named !== undefined) {
    if (url.protocol !== 'https:')
      throw new SkerryError('BadKubeconfig', `reach ${server} by ${named}: only https servers can be proxied`);
    return named;
  }
  if (url.protocol !== 'https:') return undefined;
  const of = (name: string) => [environment[name.toUpperCase()], environment[name]].find((value) => (value ?? '') !== '');
  const proxy = of('https_proxy');
  if (proxy === undefined || isExempt(url, of('no_proxy') ?? '')) return undefined;
  const full = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (URL.canParse(full) && ['http:', 'https:'].includes(new URL(full).protocol)) return full;
  throw new SkerryError('Usage', `use the proxy of $HTTPS_PROXY: only http and https proxies are supported: ${proxy}`);
}

function isExempt({ hostname, port }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [name, onPort] = /^(.*[^:]):(\d+)$/.exec(entry)?.slice(1) ?? [entry];
      if (onPort !== undefined && onPort !== (port === '' ? '443' : port)) return false;
      if (name === undefined) return false;
      const range = ipv4Range(name);
      if (range !== undefined) return isWithin(host, range);
      return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
    });
}

type Range = { readonly base: number; readonly bits: number };

function ipv4Range(text: string): Range | undefined {
  const [, address = '', bits = ''] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text) ?? [];
  const base = ipv4(address);
  return base === undefined || Number(bits) > 32 ? undefined : { base, bits: Number(bits) };
}

function ipv4(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  const isAddress = parts.length === 4 && /^[\d.]+$/.test(text) && parts.every((part) => part < 256);
  return isAddress ? parts.reduce((sum, part) => sum * 256 + part, 0) : undefined;
}

function isWithin(host: string, { base, bits }: Range): boolean {
  const address = ipv4(host);
  return address !== undefined && Math.floor(address / 2 ** (32 - bits)) === Math.floor(base / 2 ** (32 - bits));
}

const CONNECT_MS_MAX = 30_000;

/** A connection to the server through `proxy`, of which it sees nothing but where it leads. */
export async function tunnel(proxy: string, host: string, port: number): Promise<Duplex> {
  const { request } = await import('node:http');
  const url = new URL(proxy);
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const login = url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const send = url.protocol === 'https:' ? (await import('node:https')).request : request;
  return new Promise((resolve, reject) => {
    const call = send({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      method: 'CONNECT',
      path: target,
      agent: false,
      timeout: CONNECT_MS_MAX,
      headers: {
        host: target,
        ...(login === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
    });
    const failed = (cause: Error) =>
      reject(new SkerryError('ServiceUnavailable', `reach ${target} by the proxy ${url.host}`, { cause }));
    call.on('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      failed(new Error(`it answered ${response.statusCode ?? 0}`));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${CONNECT_MS_MAX / 1000} s`)));
    call.on('error', failed);
    call.end();
  });
}
