import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** What stands behind the redirect that the agent asks itself through (ask-through-redirect.ts): it takes connections and closes them. */
export type AskedListener = {
  /** Its port; listens anew where it is not (any more). Rejects where the address is not this machine's. */
  readonly listen: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

export function createAskedListener(address: string): AskedListener {
  let server: Server | undefined;
  let opening: Promise<number> | undefined;
  const portOf = (each: Server | undefined): number | undefined => {
    const place = each?.listening === true ? each.address() : null;
    return place !== null && typeof place === 'object' ? place.port : undefined;
  };
  const open = async (): Promise<number> => {
    server?.close();
    const made = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.destroy();
    });
    made.unref();
    server = made;
    made.listen(0, address);
    await once(made, 'listening');
    made.on('error', () => made.close());
    return portOf(made) ?? 0;
  };
  return {
    listen: async () => {
      const known = portOf(server);
      if (known !== undefined) return known;
      // One for all who ask meanwhile: one that is closed before it listens never tells so.
      opening ??= open().finally(() => (opening = undefined));
      return opening;
    },
    stop: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (server?.listening !== true) return;
      server.close(() => resolve());
      await promise;
    },
  };
}
