import { SkerryError } from '#lib/error.ts';
import { proxyFor, shownProxy, type Proxy } from '#net/proxy/proxy.ts';

/** The proxy by which a server is reached: one that the kubeconfig names always, otherwise what the environment says. Throws Usage, BadKubeconfig. */
export function proxyTo(
  server: string,
  named: Proxy | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Proxy | undefined {
  const { protocol, hostname, port } = new URL(server);
  if (protocol === 'https:')
    return named ?? proxyFor(environment, { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) });
  if (named === undefined) return undefined;
  throw new SkerryError('BadKubeconfig', `reach ${server} by the proxy ${shownProxy(named)}: only https servers can be proxied`);
}
