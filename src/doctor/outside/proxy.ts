import { contains, parseCidr, parseIp } from '#api/ip.ts';
import type { ProbeAsk } from './outside.ts';

/** Which proxy the environment names for an https server, by the rules that curl and Go share: HTTPS_PROXY, and NO_PROXY against it. Pure. */
export function proxyFor(
  environment: Readonly<Record<string, string | undefined>>,
  host: string,
): ProbeAsk['proxy'] | { readonly unusable: string } {
  const named = environment['HTTPS_PROXY'] ?? environment['https_proxy'] ?? '';
  if (named === '' || isExcepted(environment['NO_PROXY'] ?? environment['no_proxy'] ?? '', host)) return undefined;
  const text = named.includes('://') ? named : `http://${named}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:') return { unusable: url === undefined ? 'it is no URL' : `it is ${url.protocol}//, not http://` };
  const user = decoded(`${url.username}:${url.password}`);
  if (user === undefined) return { unusable: 'its user name or password is not percent-encoded' };
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A per cent sign that stands for itself.
    return undefined;
  }
}

function isExcepted(list: string, host: string): boolean {
  const name = host.toLowerCase();
  const address = parseIp(name);
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.some((entry) => {
    if (entry === '*') return true;
    const bare = entry.toLowerCase().replace(/^\*?\./, '');
    if (address === undefined) return name === bare || name.endsWith(`.${bare}`);
    const network = parseCidr(bare);
    return bare === name || (network !== undefined && contains(network, address));
  });
}
