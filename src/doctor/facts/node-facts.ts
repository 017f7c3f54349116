import { join } from 'node:path';
import { layoutIn } from '#install/layout.ts';
import type { Outside } from '../outside/outside.ts';
import { field, listField, parsedJson, textField } from '#lib/json-field.ts';

/** What the machine is in a fleet: as which node it has joined, whether it keeps a server, what is installed. Never a key. */
export type NodeFacts = {
  readonly joined:
    | {
        readonly type: 'joined';
        readonly node: string;
        readonly cluster: string;
        readonly server: Address | undefined;
        readonly pins: readonly string[];
      }
    | { readonly type: 'no' }
    | { readonly type: 'unseen' }
    | { readonly type: 'broken' };
  readonly isServer: boolean;
};

export type Address = { readonly host: string; readonly port: number };

export async function readNode(outside: Outside, dataDir: string): Promise<NodeFacts> {
  const [identity, hasStore, hasUnit] = await Promise.all([
    outside.read(join(dataDir, 'agent', 'identity.json')),
    outside.exists(join(dataDir, 'server')),
    outside.exists(join(layoutIn('/').units, 'skerry-server.service')),
  ]);
  const isServer = hasStore || hasUnit;
  if (identity.type === 'denied') return { joined: { type: 'unseen' }, isServer };
  if (identity.type === 'absent') return { joined: { type: 'no' }, isServer };
  const value = parsedJson(identity.text);
  const [node, cluster] = [textField(value, 'joined', 'node'), textField(value, 'joined', 'cluster')];
  if (node === '' || cluster === '') return { joined: { type: 'broken' }, isServer };
  const [host, port] = [textField(value, 'server', 'host'), field(value, 'server', 'port')];
  const pins = listField(value, 'joined', 'serverKeyHashes').map(String);
  const server = host === '' || typeof port !== 'number' ? undefined : { host, port };
  return { joined: { type: 'joined', node, cluster, server, pins }, isServer };
}
