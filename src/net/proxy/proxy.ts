import { domainToASCII } from 'node:url';
import { contains, parseCidr, parseIp, type IpAddress } from '#api/ip.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort, type HostPort } from '#lib/host-port.ts';

/** An HTTP proxy on the way to a server, and which one is meant. No SOCKS. Pure. */
export type Proxy = {
  readonly host: string;
  readonly port: number;
  /** Whether TLS is spoken with the proxy itself. */
  readonly isTls: boolean;
  /** `user:password`, where it wants one. */
  readonly login?: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** `http://user:password@proxy.example:3128`; without a scheme it is http. Throws Usage, which tells `source` and no password. */
export function parseProxy(text: string, source: string): Proxy {
  const unusable = (why: string) =>
    new SkerryError(
      'Usage',
      `use the proxy of ${source}: ${why}; an http or https one is needed, like http://proxy.example:3128`,
    );
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.hostname === '') throw unusable('it is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(`it is ${url.protocol}//`);
  // What a proxy has none of must not be dropped in silence: it is what follows a "/", "?" or "#" in a password, as a rule.
  if (`${url.pathname}${url.search}${url.hash}` !== '/')
    throw unusable('it has a path (in a password "/", "?", "#" and "%" are written as %2F, %3F, %23 and %25)');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  if (port === 0) throw unusable('its port is 0');
  const login = loginOf(url);
  if (login === 'broken') throw unusable('its user name or password is not percent-encoded ("%" is written as %25)');
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, isTls, ...login };
}

function loginOf({ username, password }: URL): Pick<Proxy, 'login'> | 'broken' {
  if (username === '' && password === '') return {};
  try {
    return { login: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` };
  } catch {
    return 'broken';
  }
}

/** As it may be told: without its login. */
export const shownProxy = (proxy: Proxy): string => hostPort(proxy);

/** As it is written in a setting, with a word in place of its login. */
export const proxySetting = (proxy: Proxy): string =>
  `${proxy.isTls ? 'https' : 'http'}://${proxy.login === undefined ? '' : 'USER:PASSWORD@'}${hostPort(proxy)}`;

/**
 * The proxy that the environment names for an https server, by the rules of Go's ProxyFromEnvironment: HTTPS_PROXY unless NO_PROXY has the server, in
 * capitals or small letters; never for this machine itself. White space parts the entries of NO_PROXY too. Throws Usage where what it names is none.
 */
export function proxyFor(environment: Environment, server: HostPort): Proxy | undefined {
  const of = (name: string) => [environment[name.toUpperCase()], environment[name]].find((value) => (value ?? '') !== '');
  const named = of('https_proxy');
  return named === undefined || isExempt(server, of('no_proxy') ?? '') ? undefined : parseProxy(named, 'HTTPS_PROXY');
}

function isExempt({ host, port }: HostPort, list: string): boolean {
  const name = domainToASCII(host.toLowerCase()) || host.toLowerCase();
  const address = addressOf(name);
  if (name === 'localhost' || (address !== undefined && LOOPBACK.some((network) => contains(network, address)))) return true;
  const entries = list.toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const network = parseCidr(entry);
    if (network !== undefined) return address !== undefined && contains(network, address);
    // A bare IPv6 address has colons of its own.
    const [, bracketed, plain = entry, onPort] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
    if (onPort !== undefined && Number(onPort) !== port) return false;
    const other = bracketed ?? plain;
    if (address !== undefined) return isSame(addressOf(other), address);
    const domain = other
      .replace(/^\*(?=\.)/, '')
      .replace(/^(\.?)(.+)/, (_, dot: string, bare: string) => dot + (domainToASCII(bare) || bare));
    return domain.startsWith('.') ? name.endsWith(domain) : name === domain || name.endsWith(`.${domain}`);
  });
}

/** An IPv4 address that is written as an IPv6 one is that. */
function addressOf(text: string): IpAddress | undefined {
  const address = parseIp(text);
  if (address?.family !== 6 || address.bits >> 32n !== 0xffffn) return address;
  return { family: 4, bits: address.bits & 0xffff_ffffn };
}

const isSame = (one: IpAddress | undefined, other: IpAddress): boolean => one?.family === other.family && one.bits === other.bits;

const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parseCidr(text) ?? []);
