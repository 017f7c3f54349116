import { hasCode } from '#lib/error.ts';
import { proxyFor, proxySetting, shownProxy } from '#net/proxy/proxy.ts';
import { parseServerUrl } from '#net/tls/join-client.ts';
import type { Outside } from '../outside/outside.ts';
import type { ServerProbe } from '../outside/probe-server.ts';
import type { Asked } from '../scene.ts';
import type { Address, NodeFacts } from './node-facts.ts';

/** How the server answers from here: straight, and through the proxy that the settings name, or else the environment. */
export type ServerFacts =
  | { readonly type: 'none' }
  | { readonly type: 'bad'; readonly why: string }
  | {
      readonly type: 'tried';
      readonly server: Address;
      /** Hashes of the keys that the node pinned; none before it has joined, or for another server. */
      readonly pins: readonly string[];
      readonly direct: ServerProbe;
      readonly proxied?: Proxied;
    };

export type Proxied = {
  /** Without the user and the password that may stand in it. */
  readonly name: string;
  /** How it is written as a setting. */
  readonly setting: string;
  /** Whether the node goes by it: one that only the environment of whoever asks names is none of the node's. */
  readonly isSet: boolean;
  readonly probe: ServerProbe | { readonly type: 'unusable'; readonly why: string };
};

export async function reachServer(
  outside: Outside,
  asked: Pick<Asked, 'server' | 'proxy'>,
  { isServer, joined }: NodeFacts,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const known = joined.type === 'joined' ? joined : undefined;
  let server: Address | undefined;
  try {
    server = asked.server === undefined ? known?.server : parseServerUrl(asked.server);
  } catch (error) {
    if (!hasCode(error, 'Usage')) throw error;
    return { type: 'bad', why: error.message };
  }
  if (server === undefined) return { type: 'none' };
  const [direct, proxied] = await Promise.all([
    outside.probeServer(server, signal),
    // A server's own agent finds it on this machine.
    throughProxy(outside, server, isServer ? undefined : asked.proxy, signal),
  ]);
  return { type: 'tried', server, pins: known?.pins ?? [], direct, ...(proxied === undefined ? {} : { proxied }) };
}

async function throughProxy(
  outside: Outside,
  server: Address,
  set: Asked['proxy'],
  signal: AbortSignal,
): Promise<Proxied | undefined> {
  try {
    const proxy = set ?? proxyFor(outside.environment, server);
    if (proxy === undefined) return undefined;
    const probe = await outside.probeServer({ ...server, proxy }, signal);
    return { name: shownProxy(proxy), setting: proxySetting(proxy), isSet: set !== undefined, probe };
  } catch (error) {
    if (!hasCode(error, 'Usage')) throw error;
    return { name: 'HTTPS_PROXY', setting: '', isSet: false, probe: { type: 'unusable', why: error.message } };
  }
}
