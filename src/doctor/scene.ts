import type { Proxy } from '#net/proxy/proxy.ts';
import { readEngine, type EngineFacts } from './facts/engine-facts.ts';
import type { SettingsFacts } from './checks/settings.ts';
import { readNode, type NodeFacts } from './facts/node-facts.ts';
import { reachServer, type ServerFacts } from './facts/server-facts.ts';
import type { Outside } from './outside/outside.ts';

/** What one run of the doctor lends to its checks: the world, what was asked, and facts that several checks need, gathered once. */
export type Scene = {
  readonly outside: Outside;
  readonly asked: Asked;
  readonly engine: () => Promise<EngineFacts>;
  readonly node: () => Promise<NodeFacts>;
  readonly server: () => Promise<ServerFacts>;
};

export type Asked = {
  readonly dataDir: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  /** URL; where none is given, the one that the node has joined. */
  readonly server?: string;
  /** By which the settings say that it is reached. */
  readonly proxy?: Proxy;
  /** What the machine is, or is going to be. Undefined: what it looks like. */
  readonly role?: 'server' | 'agent';
  /** Where a server of this machine listens. */
  readonly port: number;
  /** Of the server's settings. */
  readonly clusterCidr?: string;
  /** Whether a server of this machine runs pods too. */
  readonly agent: boolean;
  readonly settings: SettingsFacts;
};

export function openScene(outside: Outside, asked: Asked, signal: AbortSignal): Scene {
  const engine = once(() => readEngine({ outside, asked }, signal));
  const node = once(() => readNode(outside, asked.dataDir));
  const server = once(async () => reachServer(outside, asked, await node(), signal));
  return { outside, asked, engine, node, server };
}

/** What the machine is, as far as anybody has said or it shows; undefined where it may become either. */
export async function roleOf({ asked, node }: Scene): Promise<'server' | 'agent' | undefined> {
  if (asked.role !== undefined) return asked.role;
  const { isServer, joined } = await node();
  if (isServer) return 'server';
  return joined.type === 'joined' ? 'agent' : undefined;
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => (reading ??= read());
}
