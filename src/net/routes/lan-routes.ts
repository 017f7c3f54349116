import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { hasCode } from '#lib/error.ts';
import { runCommand, type Command } from '../wire/command.ts';
import { LAN_ROUTES } from '../wire/rules.ts';
import { parseLook, parseRouteTable, type LanLook } from './parse-look.ts';

/**
 * What the kernel knows of this machine's neighbours, and routes to the pods behind them. Mechanism: whom to ask and what to route is decided in
 * src/agent/peers. Only routes that are marked as ours are ever seen or touched.
 */
export type LanRoutes = {
  /** Ours. No process is started for it: cheap enough to ask every other second. */
  readonly glance: () => Promise<readonly LanRoute[]>;
  readonly look: (signal: AbortSignal) => Promise<LanLook>;
  /** Has the kernel ask these by ARP, now: what comes of it is seen by the next looks. */
  readonly ask: (neighbours: readonly Asked[], signal: AbortSignal) => Promise<void>;
  readonly change: (gone: readonly LanRoute[], made: readonly LanRoute[], signal: AbortSignal) => Promise<void>;
};

/** `isKnown`: the kernel has its MAC and asks it alone; else everybody is asked. */
export type Asked = { readonly address: string; readonly device: string; readonly isKnown: boolean };

export type Knock = (addresses: readonly string[], signal: AbortSignal) => Promise<void>;

export type LanRoute = { readonly cidr: string; readonly via: string; readonly device: string };

/** So that a route which others have made to the same network stays beside ours, and before it. */
const METRIC = '1084';
/** Nobody listens there (discard): the packet is not the point, but that the kernel must ask for the MAC first. */
const DISCARD_PORT = 9;

const ROUTES_FILE = '/proc/net/route';

/** `knock`: sends something to each of these addresses, whatever comes of it. Both this and `routesFile` are of where `run` runs. */
export function createLanRoutes(run: Command = runCommand, knock: Knock = sendDatagrams, routesFile = ROUTES_FILE): LanRoutes {
  return {
    glance: async () => parseRouteTable(await readFile(routesFile, 'utf8'), METRIC),
    look: async (signal) => {
      const ip = (...args: string[]) => run('ip', args, '', signal);
      const [addresses, neighbours, routes, defaults] = await Promise.all([
        ip('-json', '-4', 'addr', 'show', 'up'),
        ip('-json', '-4', 'neigh', 'show'),
        ip('-json', '-4', 'route', 'show', 'proto', LAN_ROUTES),
        ip('-json', '-4', 'route', 'show', 'default'),
      ]);
      return parseLook(addresses, neighbours, routes, defaults);
    },
    ask: async (neighbours, signal) => {
      const known = neighbours.filter(({ isKnown }) => isKnown);
      const lines = known.map(({ address, device }) => `neigh change ${address} dev ${device} nud probe\n`);
      // One that was forgotten meanwhile fails, the others are asked all the same.
      if (lines.length > 0)
        await run('ip', ['-force', '-batch', '-'], lines.join(''), signal).catch((error: unknown) => {
          if (!hasCode(error, 'CommandFailed')) throw error;
        });
      const unknown = neighbours.filter(({ isKnown }) => !isKnown).map(({ address }) => address);
      if (unknown.length > 0) await knock(unknown, signal);
    },
    change: async (gone, made, signal) => {
      const lines = [
        ...gone.map(
          ({ cidr, via, device }) => `route del ${cidr} via ${via} dev ${device} metric ${METRIC} proto ${LAN_ROUTES}\n`,
        ),
        ...made.map(
          ({ cidr, via, device }) => `route replace ${cidr} via ${via} dev ${device} metric ${METRIC} proto ${LAN_ROUTES}\n`,
        ),
      ];
      // One may have gone with its interface; what matters is seen by the next look.
      if (lines.length > 0) await run('ip', ['-force', '-batch', '-'], lines.join(''), signal);
    },
  };
}

/** An empty datagram to each. Where there is no way to one, that is what is to be found out. */
async function sendDatagrams(addresses: readonly string[]): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  try {
    await Promise.all(
      addresses.map(
        (address) => new Promise<void>((resolve) => socket.send(Buffer.alloc(0), DISCARD_PORT, address, () => resolve())),
      ),
    );
  } finally {
    socket.close();
  }
}
