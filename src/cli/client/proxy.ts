import { SkerryError } from '#lib/error.ts';
import { parseProxy, proxyFor, type Proxy } from '#net/proxy/proxy.ts';

/** The proxy by which a server is reached: one that the kubeconfig names always, otherwise what the environment says. Throws Usage, BadKubeconfig. */
export function proxyOf(
  server: string,
  named: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Proxy | undefined {
  const { protocol, hostname, port } = new URL(server);
  if (protocol !== 'https:') {
    if (named === undefined) return undefined;
    throw new SkerryError('BadKubeconfig', `reach ${server} by ${named}: only https servers can be proxied`);
  }
  if (named !== undefined) return parseProxy(named);
  return proxyFor(environment, { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) });
}
