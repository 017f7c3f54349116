import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { systemClock } from '#lib/clock.ts';
import { askThroughRedirect } from '#net/services/ask-through-redirect.ts';
import type { PeerAnswer, PeerOrder } from './peer.ts';

/** Runs in a network namespace and does what peer.ts tells it: serves its name, connects, and keeps connections to speak on. */
const NAME = process.argv[2] ?? '';
const ANSWER_MS_MAX = 1500;
const tcp = new Map<string, Socket>();
const udp = new Map<string, UdpSocket>();

process.on('message', (message) => {
  // Sound: the parent sends nothing else.
  const { id, order } = message as { readonly id: number; readonly order: PeerOrder };
  const since = performance.now();
  obey(order).then(
    (text) => tell({ id, text, ms: performance.now() - since }),
    (error: NodeJS.ErrnoException) => tell({ id, text: error.code ?? error.message, ms: performance.now() - since }),
  );
});
process.on('disconnect', () => process.exit());

function tell(answer: PeerAnswer): void {
  process.send?.(answer);
}

function obey(order: PeerOrder): Promise<string> {
  switch (order.type) {
    case 'serve-tcp':
      return serveTcp(order.port, order.address);
    case 'serve-udp':
      return serveUdp(order.port, order.address);
    case 'fetch':
      return fetchOnce(order.host, order.port);
    case 'fetch-many':
      return fetchMany(order.host, order.port, order.times);
    case 'open':
      return open(order.name, order.host, order.port);
    case 'ask-through-redirect':
      return askThroughRedirect(order.address, systemClock, new AbortController().signal).then(String);
    case 'say':
      return say(order.name);
    case 'send':
      return send(order.name, order.host, order.port);
  }
}

/** Tells each connection who it is and whom it sees, and again for each thing said. */
function serveTcp(port: number, address: string): Promise<string> {
  const server = createServer((socket) => {
    const told = `${NAME} ${socket.remoteAddress}\n`;
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(told));
    socket.write(told);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve('served'));
  });
}

/** Tells each packet who it is and from which address and port it came. */
function serveUdp(port: number, address: string): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (_, { address, port: from }) => socket.send(`${NAME} ${address} ${from}`, from, address));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => resolve('served'));
  });
}

async function fetchOnce(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  try {
    return await firstWords(socket);
  } finally {
    socket.destroy();
  }
}

async function fetchMany(host: string, port: number, times: number): Promise<string> {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn += 1) {
    const since = performance.now();
    await fetchOnce(host, port);
    took.push(performance.now() - since);
  }
  return String(took.toSorted((a, b) => a - b)[times >> 1]);
}

function open(name: string, host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  tcp.set(name, socket);
  return firstWords(socket);
}

function say(name: string): Promise<string> {
  const socket = tcp.get(name);
  if (socket === undefined) return Promise.resolve('not open');
  socket.write('go on\n');
  return firstWords(socket);
}

function firstWords(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => resolve('silence'), ANSWER_MS_MAX);
    socket.once('data', (data: Buffer) => {
      clearTimeout(late);
      resolve(data.toString().trim());
    });
    socket.once('error', reject);
  });
}

/** From the same port for the same name. */
function send(name: string, host: string, port: number): Promise<string> {
  const socket = udp.get(name) ?? createSocket('udp4');
  udp.set(name, socket);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => resolve('silence'), ANSWER_MS_MAX);
    socket.removeAllListeners();
    socket.once('message', (data: Buffer) => {
      clearTimeout(late);
      resolve(data.toString());
    });
    socket.once('error', reject);
    // Connected, so that a refusal is told.
    const go = () => socket.send('go', (error) => (error === null ? undefined : reject(error)));
    if (isConnected(socket)) go();
    else socket.connect(port, host, (error?: Error) => (error === undefined ? go() : reject(error)));
  });
}

function isConnected(socket: UdpSocket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}
