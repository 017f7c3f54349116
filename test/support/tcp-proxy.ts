import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire that can be cut or made a black hole, between an agent and the real port. */
export type TcpProxy = {
  readonly port: number;
  /** Resets every connection. */
  readonly cut: () => void;
  /** Reads nothing and passes nothing more, in either direction, new connections included; closes nothing. */
  readonly blackHole: () => void;
  readonly heal: () => void;
  readonly stop: () => Promise<void>;
};

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let hole = false;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (hole) {
      held.add(client);
      client.on('error', () => undefined);
      return;
    }
    const target = connect({ host: '127.0.0.1', port: targetPort });
    const pair = [client, target] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [target, client] as const]) {
      from.on('error', () => undefined);
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (!hole) from.resume();
      });
      from.on('end', () => to.end());
      from.on('close', () => {
        pairs.delete(pair);
        if (!hole) to.destroy();
      });
    }
    client.resume();
  });
  const held = new Set<Socket>();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const each = (act: (socket: Socket) => void) => {
    for (const pair of pairs) for (const socket of pair) act(socket);
  };
  const cut = () => each((socket) => socket.resetAndDestroy());
  return {
    // Sound: it listens on TCP.
    port: (server.address() as AddressInfo).port,
    cut,
    blackHole: () => {
      hole = true;
      each((socket) => socket.pause());
    },
    heal: () => {
      hole = false;
      each((socket) => socket.destroy());
      for (const socket of held) socket.destroy();
      held.clear();
    },
    stop: async () => {
      hole = false;
      cut();
      for (const socket of held) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
