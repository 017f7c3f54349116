import { hasCode } from '#lib/error.ts';
import { parseServerUrl } from '#net/tls/join-client.ts';
import type { Outside } from '../outside/outside.ts';
import { proxyFor } from '../outside/proxy.ts';
import type { ServerProbe } from '../outside/probe-server.ts';
import type { Address, NodeFacts } from './node-facts.ts';

/** How the server answers from here: straight, and through the proxy that the environment names. */
export type ServerFacts =
  | { readonly type: 'none' }
  | { readonly type: 'bad'; readonly why: string }
  | {
      readonly type: 'tried';
      readonly server: Address;
      /** Hashes of the keys that the node pinned; none before it has joined, or for another server. */
      readonly pins: readonly string[];
      readonly direct: ServerProbe;
      readonly proxied?: {
        readonly name: string;
        readonly probe: ServerProbe | { readonly type: 'unusable'; readonly why: string };
      };
    };

export async function reachServer(
  outside: Outside,
  asked: string | undefined,
  { joined }: NodeFacts,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const known = joined.type === 'joined' ? joined : undefined;
  let server: Address | undefined;
  try {
    server = asked === undefined ? known?.server : parseServerUrl(asked);
  } catch (error) {
    if (!hasCode(error, 'Usage')) throw error;
    return { type: 'bad', why: error.message };
  }
  if (server === undefined) return { type: 'none' };
  const [direct, proxied] = await Promise.all([outside.probeServer(server, signal), throughProxy(outside, server, signal)]);
  return { type: 'tried', server, pins: known?.pins ?? [], direct, ...(proxied === undefined ? {} : { proxied }) };
}

async function throughProxy(outside: Outside, server: Address, signal: AbortSignal) {
  const proxy = proxyFor(outside.environment, server.host);
  if (proxy === undefined) return undefined;
  if ('unusable' in proxy) return { name: 'HTTPS_PROXY', probe: { type: 'unusable', why: proxy.unusable } as const };
  // Without the user and the password that may stand in it.
  return { name: `${proxy.host}:${proxy.port}`, probe: await outside.probeServer({ ...server, proxy }, signal) };
}
