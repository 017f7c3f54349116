import { join } from 'node:path';
import { formatLan } from '#api/kinds/node-lan.ts';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import { DNS_PORT, DNS_TCP_PORT } from '#net/dns/address.ts';
import { createAgentTransport } from '#net/link/agent.ts';
import { createLanRoutes } from '#net/routes/lan-routes.ts';
import { ASKED_PORT, askThroughRedirect } from '#net/services/ask-through-redirect.ts';
import { createAskedListener } from '#net/services/asked-listener.ts';
import { createServiceRules } from '#net/services/service-rules.ts';
import { runCommand } from '#net/wire/command.ts';
import { createWiring } from '#net/wire/ip-wiring.ts';
import { ensureOwnAddress } from '#net/wire/own-address.ts';
import { API_ADDRESS, API_PORT } from '#net/splice/api-address.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { createDialer } from '#net/tls/dial.ts';
import { SERVICE_ADDRESS } from '#net/wire/rules.ts';
import { createEngineRevival, mayRevive } from './engine-revival.ts';
import { joinOnceReachable } from './first-join.ts';
import { loadOrJoin, nodeNameOf, type IdentityOptions } from './identity.ts';
import { createApiDoor } from './inside/api-door.ts';
import { systemDisk } from './ledger/disk.ts';
import { openLedger } from './ledger/node-ledger.ts';
import { ledgerWriter } from './ledger/synced-writer.ts';
import { createAgentLink } from './link/agent-link.ts';
import { logStream } from './log-stream.ts';
import { podMemory } from './memory.ts';
import { createNames } from './names/names.ts';
import { createNetworkWatch } from './network-watch.ts';
import { createNodeStatus } from './node-status.ts';
import { readConnections } from './node/connections.ts';
import { createListeningPorts } from './node/listening-ports.ts';
import {
  findAddress,
  localNetworks,
  readAddresses,
  readLan,
  readLanAndGateways,
  readMachine,
  readWaysOut,
  takeReadings,
} from './node/machine.ts';
import { createPeerWatch } from './peers/peer-watch.ts';
import { createPodLoop } from './pod-loop.ts';
import { withRejoin } from './rejoin.ts';
import { createProbeDialer } from './probes/dialer.ts';
import { createDockerRuntime } from './runtime/docker-runtime.ts';
import { createConnectionWatch } from './services/connection-watch.ts';
import { createHealthCheckPorts } from './services/health-check-ports.ts';
import { createServiceKeeper } from './services/service-keeper.ts';
import { tokenFile } from './token-file.ts';
import { createAgentTunnel } from './tunnel.ts';
import { createTmpfs } from './volumes/tmpfs.ts';
import { createVolumes } from './volumes/volumes.ts';

/** The composition root of the agent: plain calls, top to bottom; parts stop in reverse order. Containers are left running. */
export type AgentOptions = {
  readonly server?: string;
  /** By which the server is reached; undefined: straight. */
  readonly proxy?: Proxy;
  /** A function is asked only if there is a join to make. */
  readonly token?: NonNullable<IdentityOptions['token']>;
  /** In place of a token: where one is, to be deleted after the join. */
  readonly tokenFile?: string;
  readonly dataDir: string;
  /** As asked for; see identity.ts. */
  readonly nodeName?: string;
  readonly hostname: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  readonly keepaliveMs: number;
  readonly nodeIp?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  /** Keys of this machine's configuration that nobody knows, each with what is likely meant: told as a condition of the node. */
  readonly unknownKeys: readonly string[];
  readonly release: string;
  /** This release may yet be taken back: the ledger stays as the one before needs it. */
  readonly onTrial?: boolean;
  /** By `skerry install`, which is also how it is given another token. */
  readonly isInstalled?: boolean;
  /** Called if it is up but for its first join, which may take as long as the server stays away. */
  readonly onWaiting?: () => void;
  /** Called when `health` gives another answer about the link. */
  readonly onLink?: () => void;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
};

export type Agent = {
  /** Resolves once the ledger has nothing under way any more. */
  readonly alive: () => Promise<void>;
  /** `engine`: undefined until it was asked. */
  /** `refused`: why the server lets this node in no more. */
  readonly health: () => { readonly engine: boolean | undefined; readonly link: boolean; readonly refused: string | undefined };
  readonly stop: () => Promise<void>;
};

/** Rejects with why it is not let in, or what of its own state can not be opened. The engine and the server may be away. */
export async function startAgent(options: AgentOptions, signal: AbortSignal): Promise<Agent> {
  const { dataDir, clock, ids, release, docker, labels } = options;
  const voucher = options.tokenFile === undefined ? {} : tokenFile(options.tokenFile, options.log);
  const identity = await joinOnceReachable(
    () => loadOrJoin({ ...options, ...voucher, networks: localNetworks() }, signal),
    { ...options, log: options.log.child({ node: nodeNameOf(options) }) },
    signal,
  );
  const log = options.log.child({ node: identity.node });
  const agentDir = join(dataDir, 'agent');
  const machine = await readMachine();
  const { cluster, node, incarnation } = identity;
  const ledger = await openLedger({
    path: join(agentDir, 'ledger.db'),
    onTrial: options.onTrial ?? false,
    openWriter: ledgerWriter(systemDisk(log)),
    joined: { cluster, node, incarnation },
    clock,
    ids,
    log,
  });
  const runtime = createDockerRuntime({
    socketPath: docker,
    node,
    ranHere: (uid) => podMemory(ledger.memory(), uid) !== undefined,
    clock,
  });
  const wiring = createWiring();
  const volumes = createVolumes({ dataDir: agentDir, tmpfs: createTmpfs(), nodeHostname: machine.hostname });
  const status = createNodeStatus({
    nodeName: node,
    findAddress: async () => options.nodeIp ?? findAddress(),
    addressChanged: () => pods.addressChanged(),
    readLan: readLanAndGateways,
    labels,
    caps: options.capacity,
    unknownKeys: options.unknownKeys,
    takeReadings: () => takeReadings(dataDir),
    release,
    machine,
    ledger,
    runtime,
    health: () => pods.health(),
    noteEngine: (error) => pods.noteEngine(error),
    clock,
    ids,
    log,
  });
  const boot = { id: machine.bootId, uptimeMs: machine.uptimeMs };
  const pods = createPodLoop({
    ledger,
    runtime,
    wiring,
    volumes,
    dial: createProbeDialer(clock),
    clock,
    ids,
    log,
    boot,
    facts: status.facts,
    beforeWiring: (abort) => services.settled(abort),
  });
  pods.onHealth(status.look);
  const revival = mayRevive(docker)
    ? createEngineRevival({ health: pods.health, command: runCommand, clock, ids, log })
    : undefined;
  if (revival !== undefined) pods.onHealth(revival.look);
  const asked = createAskedListener(SERVICE_ADDRESS);
  const services = createServiceKeeper({
    node,
    ledger,
    readiness: pods.readiness,
    rules: createServiceRules({ isStanding: (abort) => askThroughRedirect(SERVICE_ADDRESS, clock, abort) }),
    healthChecks: createHealthCheckPorts(() => services.isLed(), clock),
    address: SERVICE_ADDRESS,
    extras: async (abort) => {
      await ensureOwnAddress(SERVICE_ADDRESS, abort);
      const redirects = [
        { protocol: 'tcp', port: ASKED_PORT, toPort: await asked.listen() },
        { protocol: 'tcp', port: DNS_PORT, toPort: DNS_TCP_PORT },
      ] as const;
      return { redirects, untracked: [DNS_PORT], api: { address: API_ADDRESS, port: API_PORT } };
    },
    ownAddresses: readAddresses,
    listening: createListeningPorts(clock),
    flushed: () => pods.lookAtNetwork(),
    clock,
    ids,
    log,
  });
  const peers = createPeerWatch({
    ledger,
    routes: createLanRoutes(),
    ownAddresses: () => formatLan(readLan()),
    found: services.setPaths,
    clock,
    ids,
    log,
  });
  const { key, certificate, pins, proxy } = identity;
  const target = { ...identity.server, proxy, key, certificate, pins };
  const tunnel = createAgentTunnel({
    target,
    serve: { logs: logStream({ runtime, ledger }, clock) },
    clock,
    log,
  });
  const door = createApiDoor({
    node,
    ledger,
    dialer: createDialer(target, clock),
    isLinkUp: () => link.connected(),
    keepaliveMs: options.keepaliveMs,
    clock,
    ids,
    log,
  });
  let refused: string | undefined;
  const onRefused = (why: string | undefined) => {
    refused = why;
    options.onLink?.();
  };
  const link = createAgentLink({
    transport: withRejoin(
      createAgentTransport({
        ...target,
        cluster,
        node,
        keepaliveSeconds: Math.max(1, Math.round(options.keepaliveMs / 1000)),
        clock,
      }),
      identity,
      { ...options, ...voucher, onRefused, log },
    ),
    ledger,
    cluster,
    node,
    publicKey: identity.signingKey,
    release,
    bootId: machine.bootId,
    keepaliveMs: options.keepaliveMs,
    onConnected: () => {
      door.look();
      options.onLink?.();
    },
    onCommand: async ({ kind, body }, abort) => {
      if (kind === 'open') return tunnel.open(body, abort);
      throw new SkerryError('BadRequest', `this release of the agent knows no command ${JSON.stringify(kind)}`);
    },
    clock,
    ids,
    log,
  });
  const connections = createConnectionWatch({ node, ledger, read: readConnections, clock, ids, log });
  const names = createNames({ node, services, ledger, clock, ids, log });
  const network = createNetworkWatch({
    waysOut: readWaysOut,
    isCut: () => !link.connected(),
    cameUp: () => {
      names.retryNow();
      link.retryNow();
    },
    clock,
    ids,
    log,
  });
  // Before the first container: services and names.
  services.start();
  await Promise.all([services.settled(signal), names.start()]);
  peers.start();
  pods.start();
  status.start();
  door.start();
  link.start();
  network.start();
  connections.start();
  log.info({ cluster, docker }, 'agent is running');
  return {
    alive: ledger.alive,
    health: () => ({ engine: pods.health()?.ready, link: link.connected(), refused }),
    stop: async () => {
      await connections.stop();
      await network.stop();
      await link.stop();
      await door.stop();
      await tunnel.stop();
      await status.stop();
      await revival?.stop();
      await pods.stop();
      await names.stop();
      await peers.stop();
      await services.stop();
      await asked.stop();
      await ledger.close();
    },
  };
}
