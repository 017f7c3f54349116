import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_NETWORK } from '../../src/api/cluster-network.ts';
import { newJoinToken } from '../../src/api/join-token.ts';
import type { JoinAnswer, JoinRequest } from '../../src/api/link/join.ts';
import { builtinResources } from '../../src/api/kinds/builtin.ts';
import { createRegistry } from '../../src/api/registry.ts';
import { loadBuiltinSchema } from '../../src/api/schema/builtin.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { systemIds as ids } from '../../src/lib/ids.ts';
import { silentLog as log } from '../../src/lib/log.ts';
import { createLinkServer, type LinkServer } from '../../src/net/link/server.ts';
import { createApi, type Api } from '../../src/rest/api.ts';
import { serveHttp } from '../../src/rest/http.ts';
import { ANONYMOUS } from '../../src/rest/request.ts';
import { createAuthorizer } from '../../src/server/auth/authorizer.ts';
import { createNodeKeys, type NodeKeys } from '../../src/server/auth/node-keys.ts';
import { loadOrCreatePki, type Pki } from '../../src/server/auth/pki.ts';
import type { ApiOptions } from '../../src/rest/options.ts';
import { userOf } from '../../src/server/auth/peer.ts';
import { clientCertificatePath } from '../../src/server/client-certificate.ts';
import { joinPaths, type JoinOptions } from '../../src/server/join.ts';
import { leavePath } from '../../src/server/leave.ts';
import { createPort } from '../../src/server/port.ts';
import type { Store } from '../../src/server/store/store.ts';
import { openTestStore } from './store.ts';

/** A server that nodes can join: keys, store, pipeline, port and link, without loops. It ends with its test. */
export type JoinWorld = {
  readonly url: string;
  readonly pki: Pki;
  readonly store: Store;
  readonly api: Api;
  readonly keys: NodeKeys;
  readonly link: LinkServer;
  readonly revoked: string[];
  /** `GET /skerry.dev/v1/ca`, as they came over the network. */
  readonly requests: string[];
  readonly token: (options?: { readonly ttlMs?: number; readonly uses?: number; readonly replaces?: string }) => Promise<string>;
  /** The same by the pipeline, without a network. */
  readonly ask: (
    request: JoinRequest,
  ) => Promise<{ readonly status: number; readonly body: JoinAnswer & { readonly message?: string } }>;
  readonly folder: () => string;
};

export const ADMIN = {
  user: { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
  fieldManager: 'test',
};
const never = new AbortController().signal;

export async function startJoinWorld(
  options: {
    readonly clock?: Clock;
    readonly confirmed?: boolean;
    readonly dataDir?: string;
    readonly serverAddresses?: readonly string[];
  } = {},
): Promise<JoinWorld> {
  const clock = options.clock ?? systemClock;
  const folders: string[] = [];
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'skerry-join-'));
    folders.push(made);
    return made;
  };
  const pki = await loadOrCreatePki({ dataDir: options.dataDir ?? folder(), hosts: ['127.0.0.1'], clock, ids });
  const store = await openTestStore({ firstStart: options.confirmed ?? true });
  const revoked: string[] = [];
  const requests: string[] = [];
  const onRevoked = (node: string, why: string) => {
    revoked.push(node);
    link.drop(node, why);
  };
  const keys = createNodeKeys({ storage: store.storage, onRevoked, clock: systemClock, log });
  const link = createLinkServer({ cluster: pki.cluster, nodeOf: keys.nodeOf, clock: systemClock, log });
  const registry = createRegistry(builtinResources);
  const joining: JoinOptions = {
    pki,
    storage: store.storage,
    change: (change, author, signal) => api.change(change, author, signal),
    nodeOf: keys.nodeOf,
    incarnation: store.incarnation,
    network: DEFAULT_NETWORK,
    serverAddresses: () => options.serverAddresses ?? [],
    clock,
    ids,
    log,
  };
  const authorizer = createAuthorizer(store.view);
  const authorize: ApiOptions['authorize'] = async (user, target) => authorizer.decide(user, target);
  const api: Api = createApi({
    registry: () => registry,
    schema: loadBuiltinSchema(),
    storage: store.storage,
    admissions: [],
    authorize,
    connectors: {},
    computed: {},
    paths: { ...joinPaths(joining), ...leavePath(joining), ...clientCertificatePath({ ...joining, authorize, ids }) },
    clock,
    ids,
    log,
    release: '0.0.0',
    readiness: () => ({}),
  });
  await keys.start();
  const port = createPort({
    host: '127.0.0.1',
    port: 0,
    tls: { ...pki.server, ca: pki.ca.certificate, ticketKeys: pki.ticketKeys },
    nodeOf: keys.nodeOf,
    onRequest: (request, response, peer) => {
      requests.push(`${request.method} ${request.url}`);
      void serveHttp(request, response, () => userOf(peer), api.handle);
    },
    isUpgrade: () => false,
    onUpgrade: () => {},
    onLink: link.accept,
    clock: systemClock,
    log,
  });
  const address = await port.listen();
  onTestFinished(async () => {
    await link.stop();
    await port.stop();
    keys.stop();
    await store.close();
    for (const each of folders) rmSync(each, { recursive: true, force: true });
  });
  return {
    url: `https://127.0.0.1:${address.port}`,
    pki,
    store,
    api,
    keys,
    link,
    revoked,
    requests,
    folder,
    token: async ({ ttlMs = 3_600_000, uses = 1, ...more } = {}) => {
      const { token, secret } = newJoinToken({ caKeyHash: pki.caKeyHash, ttlMs, uses, ...more, ids, now: clock.now() });
      await api.change({ verb: 'create', resource: 'secrets', object: secret }, ADMIN, never);
      return token;
    },
    ask: async (request) => {
      const answer = await api.handle({
        method: 'POST',
        path: '/skerry.dev/v1/join',
        query: new URLSearchParams(),
        headers: {},
        body: Buffer.from(JSON.stringify(request)),
        user: ANONYMOUS,
        signal: never,
      });
      if (answer.type !== 'value') throw new Error('a join answers with a value');
      return { status: answer.status, body: JSON.parse(String(answer.body)) as never };
    },
  };
}
