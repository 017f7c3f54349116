import { contains, parseCidr, parseIp } from '#api/ip.ts';
import { SkerryError } from '#lib/error.ts';

/** An HTTP proxy on the way to a server, and which one is meant. No SOCKS. Pure. */
export type Proxy = {
  readonly host: string;
  readonly port: number;
  /** Whether TLS is spoken with the proxy itself. */
  readonly isTls: boolean;
  /** `user:password`, where it wants one. */
  readonly login?: string;
};

type Server = { readonly host: string; readonly port: number };

type Environment = Readonly<Record<string, string | undefined>>;

/** `http://user:password@proxy.example:3128`; without a scheme it is http. Throws Usage, which tells no password. */
export function parseProxy(text: string): Proxy {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.hostname === '') throw unusable('it is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(`it is ${url.protocol}//`);
  const isTls = url.protocol === 'https:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    isTls,
    ...(url.username === '' && url.password === '' ? {} : { login: loginOf(url) }),
  };
}

function loginOf({ username, password }: URL): string {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw unusable('its user name or password is not percent-encoded');
  }
}

function unusable(why: string): SkerryError {
  return new SkerryError('Usage', `use a proxy: ${why}; an http or https one is needed, like http://proxy.example:3128`);
}

/** As it may be told: without its login. */
export const shownProxy = ({ host, port }: Proxy): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * The proxy that the environment names for an https server, by the rules of Go's ProxyFromEnvironment: HTTPS_PROXY unless NO_PROXY has the server, in
 * capitals or small letters; never for this machine itself. Throws Usage where what it names is none.
 */
export function proxyFor(environment: Environment, server: Server): Proxy | undefined {
  const of = (name: string) => [environment[name.toUpperCase()], environment[name]].find((value) => (value ?? '') !== '');
  const named = of('https_proxy');
  return named === undefined || isExempt(server, of('no_proxy') ?? '') ? undefined : parseProxy(named);
}

function isExempt({ host, port }: Server, list: string): boolean {
  const name = host.toLowerCase();
  const address = parseIp(name);
  if (name === 'localhost' || (address !== undefined && LOOPBACK.some((network) => contains(network, address)))) return true;
  const entries = list.toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    if (entry === '*') return true;
    const network = parseCidr(entry);
    if (network !== undefined) return address !== undefined && contains(network, address);
    // A bare IPv6 address has colons of its own.
    const [, bracketed, plain = entry, onPort] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
    if (onPort !== undefined && Number(onPort) !== port) return false;
    const domain = (bracketed ?? plain).replace(/^\*/, '');
    if (domain === '' || address !== undefined) return domain === name;
    return domain.startsWith('.') ? name.endsWith(domain) : name === domain || name.endsWith(`.${domain}`);
  });
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parseCidr(text) ?? []);
