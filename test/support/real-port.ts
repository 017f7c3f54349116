import { createHash, createPrivateKey } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createAgentTransport } from '../../src/net/link/agent.ts';
import { createLinkServer, type LinkServer, type NodeOf } from '../../src/net/link/server.ts';
import type { AgentTransport } from '../../src/net/link/transport.ts';
import type { Proxy } from '../../src/net/proxy/proxy.ts';
import { createCa, issueClientCertificate, issueServerCertificate, newKey } from '../../src/net/tls/certificates.ts';
import { selfSignedCertificate } from '../../src/net/tls/node-certificate.ts';
import { publicKeyHash } from '../../src/net/tls/key-hash.ts';
import { createPort, type Port, type PortOptions } from '../../src/server/port.ts';
import type { Peer } from '../../src/server/auth/peer.ts';

/** The one port with real TLS on loopback and the link behind it, for tests of both. */
export type RealPort = {
  readonly address: { readonly port: number };
  readonly link: LinkServer;
  readonly port: Port;
  readonly ca: { readonly certificate: string; readonly key: string };
  readonly serverKeyHash: string;
  /** Key and certificate of a node, made once per name. */
  readonly identity: (node: string) => Promise<NodeIdentity>;
  readonly userCertificate: (user: string, groups: readonly string[], ttlMs?: number) => Promise<NodeIdentity>;
  readonly agent: (node: string, port?: number, keepaliveSeconds?: number, proxy?: Proxy) => Promise<AgentTransport>;
  readonly refused: Map<string, string>;
  /** Another certificate for the same key. */
  readonly renew: () => Promise<void>;
  /** Sockets that reached the link, in order; whether each was resumed. */
  readonly linkSockets: { readonly socket: TLSSocket; readonly reused: boolean }[];
  readonly stop: () => Promise<void>;
};

export type NodeIdentity = { readonly key: string; readonly certificate: string };

export type RealPortOptions = Partial<Pick<PortOptions, 'onRequest' | 'isUpgrade' | 'onUpgrade'>> & {
  /** Goes on with the keys and tickets of another one, as a server that starts again. */
  readonly after?: RealPort;
  /** Default: any that is free. */
  readonly at?: number;
  /** Of the link. */
  readonly clock?: Clock;
};

const DAY_MS = 86_400_000;
const HOSTS = ['localhost', '127.0.0.1'];

/** By which a port that starts again is told its past. */
const pasts = new WeakMap<RealPort, Past>();

type Past = {
  readonly tls: PortOptions['tls'];
  readonly ca: { readonly certificate: string; readonly key: string };
  readonly identities: Map<string, Promise<NodeIdentity>>;
  readonly nodes: Map<string, string>;
};

export async function startRealPort(options: RealPortOptions = {}): Promise<RealPort> {
  const past = (options.after === undefined ? undefined : pasts.get(options.after)) ?? (await newPast());
  const { ca, tls, identities, nodes } = past;
  const refused = new Map<string, string>();
  const nodeOf: NodeOf = (hash) => {
    const node = nodes.get(hash);
    if (node === undefined) return { refused: `no node has the key ${hash}` };
    const reason = refused.get(node);
    return reason === undefined ? { node } : { refused: reason };
  };
  const link = createLinkServer({ cluster: 'c1', nodeOf, clock: options.clock ?? systemClock, log: silentLog });
  const linkSockets: { readonly socket: TLSSocket; readonly reused: boolean }[] = [];
  const port = createPort({
    host: '127.0.0.1',
    port: options.at ?? 0,
    tls,
    nodeOf,
    onRequest: options.onRequest ?? answerPeer,
    isUpgrade: options.isUpgrade ?? (() => false),
    onUpgrade: options.onUpgrade ?? ((_, socket) => void socket.destroy()),
    onLink: (socket) => {
      linkSockets.push({ socket, reused: socket.isSessionReused() });
      link.accept(socket);
    },
    clock: systemClock,
    log: silentLog,
  });
  const address = await port.listen();
  const serverKeyHash = publicKeyHash(createPrivateKey(tls.key));
  const identity = (node: string) => {
    const known = identities.get(node);
    if (known !== undefined) return known;
    const made = makeIdentity(node);
    identities.set(node, made);
    return made;
  };
  const makeIdentity = async (node: string): Promise<NodeIdentity> => {
    const key = newKey();
    nodes.set(publicKeyHash(createPrivateKey(key)), node);
    return { key, certificate: selfSignedCertificate(node, key, systemIds) };
  };
  const started: RealPort = {
    address,
    link,
    port,
    ca,
    serverKeyHash,
    identity,
    userCertificate: async (user, groups, ttlMs = DAY_MS) => {
      const key = newKey();
      return { key, certificate: await issueClientCertificate(ca, { key, user, groups, ttlMs }, making()) };
    },
    agent: async (node, at = address.port, keepaliveSeconds = 1, proxy?: Proxy) =>
      createAgentTransport({
        host: '127.0.0.1',
        port: at,
        proxy,
        ...(await identity(node)),
        pins: [serverKeyHash],
        cluster: 'c1',
        node,
        keepaliveSeconds,
        clock: systemClock,
      }),
    refused,
    renew: async () => port.renew({ ...tls, certificate: await issueServerCertificate(ca, tls.key, HOSTS, making()) }),
    linkSockets,
    stop: async () => {
      await link.stop();
      await port.stop();
    },
  };
  pasts.set(started, past);
  return started;
}

async function newPast(): Promise<Past> {
  const caKey = newKey();
  const ca = { key: caKey, certificate: await createCa('test-ca', caKey, making()) };
  const key = newKey();
  const certificate = await issueServerCertificate(ca, key, HOSTS, making());
  const ticketKeys = Buffer.concat([createHash('sha256').update(key).digest(), Buffer.alloc(16)]);
  return { ca, tls: { key, certificate, ca: ca.certificate, ticketKeys }, identities: new Map(), nodes: new Map() };
}

const making = () => ({ nowMs: systemClock.now(), ids: systemIds });

function answerPeer(_: IncomingMessage, response: ServerResponse, peer: Peer): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(peer));
}
