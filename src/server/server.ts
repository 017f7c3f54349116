import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { refuseOwnNetworks, settleNetwork, type ClusterNetwork } from '#api/cluster-network.ts';
import { isOrdinaryIpv4 } from '#api/kinds/service/special-addresses.ts';
import { builtinResources } from '#api/kinds/builtin.ts';
import { createRegistry } from '#api/registry.ts';
import { loadBuiltinSchema } from '#api/schema/builtin.ts';
import type { Clock } from '#lib/clock.ts';
import { writeDurableFile } from '#lib/durable-file.ts';
import { explain } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { createLinkServer } from '#net/link/server.ts';
import { createApi, type Api } from '#rest/api.ts';
import type { Author } from '#rest/change.ts';
import { serveHttp } from '#rest/http.ts';
import type { ApiOptions } from '#rest/options.ts';
import { builtinAdmissions } from './admission/builtin.ts';
import { adminKubeconfig } from './auth/admin-kubeconfig.ts';
import { createAuthorizer } from './auth/authorizer.ts';
import { identified } from './auth/bearer.ts';
import { createNodeKeys } from './auth/node-keys.ts';
import { openIdPaths } from './auth/openid.ts';
import { loadOrCreatePki, type Pki } from './auth/pki.ts';
import { bootstrapChanges } from './auth/rbac/bootstrap.ts';
import { startRenewal } from './auth/renewal.ts';
import { reviews } from './auth/reviews.ts';
import { clusterHosts, lanAddresses, serverHosts } from './auth/server-hosts.ts';
import { mintSecretToken, tokenIssuer } from './auth/service-account-token.ts';
import { createTokenAuthenticator } from './auth/token-authenticator.ts';
import { tokenRequests } from './auth/token-request.ts';
import { carryOut } from './carry-out.ts';
import { clientCertificatePath } from './client-certificate.ts';
import { confirmPath } from './confirm.ts';
import { builtinControllers } from './controllers/builtin.ts';
import type { Controller } from './controllers/controller.ts';
import { namespaceCompanions, systemNamespaces } from './controllers/namespace-defaults.ts';
import { KUBERNETES_SERVICE } from './controllers/service/kubernetes-service.ts';
import { tokenSecrets } from './controllers/token-secrets.ts';
import { authorOf } from './events.ts';
import { createFleet } from './fleet/fleet.ts';
import { joinPaths } from './join.ts';
import { joinTokenCleaner } from './join/token-cleaner.ts';
import { leavePath } from './leave.ts';
import { startLoops } from './loops.ts';
import { createPodLog } from './pod-log.ts';
import { createPort, type PortTls } from './port.ts';
import { OWN_NODE_LABEL, makeOwnToken } from './own-node.ts';
import { storeFile } from './store/held-store.ts';
import { openStore, type Store } from './store/store.ts';
import { createTunnel } from './tunnel.ts';
import { unready } from './unready.ts';

/** The composition root of the server: plain calls, top to bottom; parts stop in reverse order. */
export type ServerOptions = {
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly hostname: string;
  /** More names and addresses for the certificate than the machine knows of itself. */
  readonly tlsSan: readonly string[];
  /** What was asked for: it counts at the first start, and later ones must agree with it. */
  readonly network: Partial<ClusterNetwork>;
  /** Networks that this machine is on, where it is to be a node too. */
  readonly ownNetworks: readonly string[];
  /** By which others on this machine's network find it. */
  readonly findAddress: () => Promise<string | undefined>;
  readonly release: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly spawnWorker: (role: 'committer', data: unknown) => Worker;
  /** This release may yet be taken back: the database stays as the one before needs it. */
  readonly onTrial?: boolean;
};

export type Server = {
  readonly url: string;
  /** What the agent of the server's own node is let in with, see own-node.ts; a token is good for one use. */
  readonly ownNode: {
    readonly token: (node: string) => Promise<string>;
    readonly labels: Readonly<Record<string, string>>;
  };
  /** Resolves once the committer's thread has answered. */
  readonly alive: () => Promise<void>;
  /** Why its own /readyz does not answer 200 at its port; undefined if it does. */
  readonly unready: () => Promise<string | undefined>;
  readonly stop: () => Promise<void>;
};

/** Puts the cluster's own roles right. */
const OWN: Author = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  fieldManager: 'skerry-server',
};

/** Rejects with what could not be opened: the data directory, its keys, its database, the port. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { dataDir, listen, clock, ids, log, release } = options;
  const stateFile = storeFile(dataDir);
  // Before there are keys, by which a later start knows that it is not the first.
  if (!existsSync(stateFile)) refuseOwnNetworks(settleNetwork(options.network, undefined), options.ownNetworks);
  const begun = await loadOrCreatePki({ dataDir, hosts: undefined, clock, ids });
  if (begun.recoveryKeyFile !== undefined) {
    log.warn(
      { file: begun.recoveryKeyFile },
      'the recovery key of this cluster is here: move it to a safe place off this machine',
    );
  }
  const { spawnWorker } = options;
  const { isFirstStart: firstStart, cluster: clusterId } = begun;
  const store = await openStore({
    file: stateFile,
    firstStart,
    clusterId,
    network: options.network,
    clock,
    ids,
    log,
    spawnWorker,
    onTrial: options.onTrial ?? false,
  });
  if (store.setAside !== undefined) {
    log.error({ ...store.setAside }, 'the database was damaged and is set aside: restore a backup, or run skerry confirm');
  }
  if (!store.incarnation().confirmed) {
    const { id: incarnation } = store.incarnation();
    log.warn({ incarnation }, 'this database is new or restored: nodes remove nothing until it is confirmed (skerry confirm)');
  }
  const { network } = store;
  const loadPki = () => {
    const hosts = [...serverHosts(options.hostname, listen.host), ...clusterHosts(network), ...options.tlsSan];
    return loadOrCreatePki({ dataDir, hosts, clock, ids });
  };
  const pki = await loadPki();
  const address = await apiAddress(options);
  // Where the port is to be any that is free, it is known once it is open.
  let place = listen.port === 0 ? undefined : { address, port: listen.port };
  const registry = createRegistry(builtinResources);
  const stopping = new AbortController();
  const nodeKeys = createNodeKeys({ storage: store.storage, onRevoked: (node, why) => revoke(node, why), clock, log });
  const { nodeOf } = nodeKeys;
  const revoke = (node: string, why: string) => {
    link.drop(node, why);
    tunnel.drop(node);
    fleet.keyChanged(node);
  };
  const link = createLinkServer({ cluster: pki.cluster, nodeOf, clock, log });
  const authorizer = createAuthorizer(store.view);
  const authorize: ApiOptions['authorize'] = async (user, target) => authorizer.decide(user, target);
  const issuer = tokenIssuer(network.clusterDomain);
  const tokens = createTokenAuthenticator({ key: pki.tokenKey, issuer, view: store.view, clock });
  const api = createApi({
    registry: () => registry,
    schema: loadBuiltinSchema(),
    storage: store.storage,
    admissions: builtinAdmissions({ serviceCIDR: network.serviceCIDR, apiServer: () => place, authorizer, ids }),
    authorize,
    companions: namespaceCompanions(pki.ca.certificate),
    computed: { ...reviews(authorizer, tokens), ...tokenRequests({ key: pki.tokenKey, issuer, view: store.view, clock, ids }) },
    connectors: { 'pods/log': async (call) => podLogs(call) },
    paths: {
      ...joinPaths({
        ...store,
        pki,
        change: (change, author, signal) => api.change(change, author, signal),
        nodeOf,
        network,
        serverAddresses: lanAddresses,
        clock,
        ids,
        log,
      }),
      ...leavePath({ ...store, change: (change, author, signal) => api.change(change, author, signal), nodeOf, log }),
      ...clientCertificatePath({ pki, authorize, clock, ids, log }),
      ...openIdPaths(pki.tokenKey, issuer),
      ...confirmPath({
        store,
        isConnected: (node) => fleet.statusOf(node).connected,
        confirmed: () => fleet.incarnationChanged(),
      }),
    },
    clock,
    ids,
    log,
    release,
    readiness: () => {
      const trouble = store.trouble();
      return { store: trouble === undefined ? undefined : explain(trouble) };
    },
    encoded: store.encoded,
  });
  const fleet = createFleet({
    cluster: pki.cluster,
    privateKey: pki.signingKey,
    network,
    tokens: { key: pki.tokenKey, issuer },
    transport: link,
    storage: store.storage,
    view: store.view,
    change: api.change,
    incarnation: store.incarnation,
    newIncarnation: store.newIncarnation,
    clock,
    ids,
    log,
  });
  const tunnel = createTunnel({ sendCommand: fleet.sendCommand, clock, ids, log });
  fleet.onCommandResult(tunnel.onCommandResult);
  const podLogs = createPodLog({ openStream: tunnel.openStream, clock });
  const caBundle = pki.ca.certificate;
  const controllers = [
    ...builtinControllers({ registry: () => registry, caBundle, network, apiServer: () => place }),
    joinTokenCleaner,
    tokenSecrets({ caBundle, mint: (account, secret) => mintSecretToken(pki.tokenKey, account, secret) }),
  ];
  const makeFoundations = async () => {
    for (const each of controllers.filter(({ name }) => FOUNDATIONS.includes(name)))
      await makeNow(each, store, api, options, stopping.signal);
  };
  await makeFoundations();
  await makeRoles(store, api, options, stopping.signal);
  const loops = startLoops(
    { storage: store.storage, view: store.view, change: api.change, controllers, clock, ids, log },
    stopping.signal,
  );
  await nodeKeys.start();
  fleet.start();
  const port = createPort({
    ...listen,
    tls: tlsOf(pki),
    nodeOf,
    onRequest: (request, response, peer, recognize) => {
      const identify = () => {
        const { user, byToken } = identified(peer, request.headers.authorization, tokens);
        if (byToken) recognize();
        return user;
      };
      void serveHttp(request, response, identify, api.handle);
    },
    isUpgrade: tunnel.isUpgrade,
    onUpgrade: tunnel.onUpgrade,
    onLink: link.accept,
    clock,
    log,
  });
  let renewal: { readonly done: Promise<void> } | undefined;
  const stop = async () => {
    tunnel.stop();
    await fleet.stop();
    // Nodes hear why before the port, which waits for open connections, cuts what is left.
    await Promise.all([link.stop(), port.stop()]);
    nodeKeys.stop();
    stopping.abort();
    await Promise.all([loops.done, renewal?.done]);
    await store.close();
  };
  const open = async () => {
    const opened = await port.listen();
    if (place === undefined) {
      place = { address, port: opened.port };
      await makeFoundations();
    }
    const url = `https://${nearOf(listen.host, opened.port)}`;
    const tellAdmin = (made: Pki) => writeDurableFile(join(dataDir, 'admin.kubeconfig'), adminKubeconfig(made, url), 0o600);
    tellAdmin(pki);
    const renewed = (made: Pki) => {
      port.renew(tlsOf(made));
      tellAdmin(made);
    };
    renewal = startRenewal({ pki, load: loadPki, renewed, clock, ids, log }, stopping.signal);
    return { url, listening: hostPort({ host: listen.host, port: opened.port }) };
  };
  const { url, listening } = await open().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  log.info({ listening, url, cluster: pki.cluster }, 'server is ready');
  return {
    url,
    ownNode: {
      token: (node) =>
        makeOwnToken(node, { ...store, change: api.change, caKeyHash: pki.caKeyHash, clock, ids }, stopping.signal),
      labels: { [OWN_NODE_LABEL]: '' },
    },
    alive: store.alive,
    unready: () => unready(url, pki.ca.certificate),
    stop,
  };
}

function tlsOf({ server, ca, ticketKeys }: Pki): PortTls {
  return { ...server, ca: ca.certificate, ticketKeys };
}

/** Where this machine itself finds the server. */
function nearOf(host: string, port: number): string {
  const near: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return hostPort({ host: near[host] ?? host, port });
}

/** What everyone counts on is there before anyone is answered, in this order. */
const FOUNDATIONS: readonly string[] = [systemNamespaces.name, KUBERNETES_SERVICE];

/** Where the disk takes nothing now, it is left to the loop. */
async function makeNow(
  { name, keys, reconcile }: Controller,
  { view }: Pick<Store, 'view'>,
  { change }: Pick<Api, 'change'>,
  { clock, log }: Pick<ServerOptions, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const author = authorOf(name);
  for (const key of keys(view()))
    for (const each of reconcile(key, view(), clock.now()).changes)
      await change(each, author, signal).catch((error: unknown) =>
        log.warn({ err: error, controller: name, key }, 'what every cluster has could not be made at once'),
      );
}

/** The address by which pods' clients are told of the server: they reach it by their node's link, whatever this says. */
async function apiAddress({ listen, findAddress }: Pick<ServerOptions, 'listen' | 'findAddress'>): Promise<string | undefined> {
  const address = listen.host === '0.0.0.0' || listen.host === '::' ? await findAddress() : listen.host;
  return isOrdinaryIpv4(address ?? '') ? address : undefined;
}

/** Nobody but administrators may do anything without them. What can not be written now is tried at the next start. */
async function makeRoles(
  { view }: Pick<Store, 'view'>,
  { change }: Pick<Api, 'change'>,
  { log }: Pick<ServerOptions, 'log'>,
  signal: AbortSignal,
): Promise<void> {
  await carryOut(bootstrapChanges(view()), OWN, change, { done: () => undefined, failed: () => undefined }, signal).catch(
    (error: unknown) => log.warn({ err: error }, "the cluster's own roles could not be put right"),
  );
}
