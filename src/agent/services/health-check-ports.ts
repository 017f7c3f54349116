import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { createShares } from '#lib/shares.ts';
import { isReady } from './choose-endpoints.ts';
import type { KnownEndpoint, ServiceView } from './service-view.ts';
import type { Refusal } from './table.ts';

/**
 * What answers at the healthCheckNodePort of a service (externalTrafficPolicy Local), at every address of the node: whoever balances in front of the nodes
 * asks there which of them to send to. As kube-proxy answers (pkg/proxy/healthcheck/service_health.go): 200 where this node has endpoints of the service
 * that are ready, with their number as weight; 503 where it has none, or could not bring its kernel in line for long.
 */
export type HealthCheckPorts = {
  /** From now on answers are of this view. Gives the ports that are not answered; meant to be called again, as they may become free. */
  readonly ensure: (view: ServiceView) => Promise<readonly Refusal[]>;
  /** `tcp/30080`: those that are listened on. */
  readonly listening: () => readonly string[];
  readonly stop: () => void;
};

/** Of all ports together, and of one client; one more is closed. */
const CONNECTIONS_MAX = 256;
export const CONNECTIONS_EACH_MAX = 32;
/** The whole life of one: there is one answer on it. */
export const CONNECTION_MS_MAX = 5_000;

type Check = { readonly service: { readonly namespace: string; readonly name: string }; readonly localEndpoints: number };

export function createHealthCheckPorts(isLed: () => boolean, clock: Pick<Clock, 'timer'>): HealthCheckPorts {
  const servers = new Map<number, Server>();
  const shares = createShares(CONNECTIONS_MAX, CONNECTIONS_EACH_MAX);
  let checks: ReadonlyMap<number, Check> = new Map();

  const take = (socket: Socket) => {
    const { remoteAddress: client = '' } = socket;
    if (!shares.take(client)) return void socket.destroy();
    const cancel = clock.timer(CONNECTION_MS_MAX, () => socket.destroy());
    socket.once('close', () => {
      cancel();
      shares.give(client);
    });
  };

  const answer = (port: number, response: ServerResponse) => {
    const check = checks.get(port);
    // It is being closed.
    if (check === undefined) return void response.destroy();
    const serviceProxyHealthy = isLed();
    response.writeHead(check.localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
      connection: 'close',
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(check.localEndpoints),
    });
    response.end(`${JSON.stringify({ ...check, serviceProxyHealthy })}\n`);
  };

  const listen = async (port: number): Promise<void> => {
    const server = createServer((_request, response) => answer(port, response));
    server.on('connection', take);
    server.listen({ port, host: '0.0.0.0' });
    await once(server, 'listening');
    // Whatever happens to it later: the next look finds that nobody listens.
    server.on('error', () => close(port, server));
    servers.set(port, server);
  };

  const close = (port: number, server: Server) => {
    if (servers.get(port) === server) servers.delete(port);
    server.close();
    server.closeAllConnections();
  };

  return {
    ensure: async (view) => {
      const wanted = checksOf(view);
      ({ checks } = wanted);
      const refusals = [...wanted.refusals];
      for (const [port, server] of servers) if (!checks.has(port)) close(port, server);
      for (const [port, { service }] of checks) {
        if (servers.has(port)) continue;
        await listen(port).catch((error: unknown) => {
          refusals.push({ ...service, message: `its healthCheckNodePort ${port}/TCP is not answered: ${explain(error)}` });
        });
      }
      return refusals;
    },
    listening: () => [...servers.keys()].map((port) => `tcp/${port}`),
    stop: () => {
      for (const [port, server] of servers) close(port, server);
    },
  };
}

/** Of two services after one port, who had it keeps it (see table.ts). */
function checksOf({ services }: ServiceView): {
  readonly checks: ReadonlyMap<number, Check>;
  readonly refusals: readonly Refusal[];
} {
  const checks = new Map<number, Check>();
  const refusals: Refusal[] = [];
  const inOrder = [...services.filter(({ retained }) => retained), ...services.filter(({ retained }) => !retained)];
  for (const { item, endpoints } of inOrder) {
    const { namespace, name } = item.metadata;
    const { healthCheckNodePort: port = 0 } = item.spec;
    if (port === 0) continue;
    const owner = checks.get(port)?.service;
    if (owner === undefined) checks.set(port, { service: { namespace, name }, localEndpoints: count(endpoints) });
    else
      refusals.push({
        namespace,
        name,
        message: `its healthCheckNodePort ${port} is ${owner.namespace}/${owner.name}'s already`,
      });
  }
  return { checks, refusals };
}

/** As upstream counts: addresses, of endpoints that have a port of the service. One that drains is no reason to send more. */
function count(endpoints: readonly KnownEndpoint[]): number {
  const local = endpoints.filter((each) => each.isLocal && isReady(each) && each.ports.length > 0);
  return new Set(local.map(({ address }) => address)).size;
}
