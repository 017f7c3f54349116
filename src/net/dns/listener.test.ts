import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock, type Clock } from '#lib/clock.ts';
import { answerTo, question, questionOf, told } from '../../../test/support/dns-message.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { CONNECTIONS_EACH_MAX, IDLE_MS_MAX, Listener } from './listener.ts';

/** Real connections on the loopback. */
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

/** `when`: an answer is sent by what it calls. */
async function listen(
  clock: Clock = systemClock,
  when: (send: () => void) => void = (send) => send(),
): Promise<(localAddress?: string) => Client> {
  const port = await freePort();
  const listener = new Listener({
    address: '127.0.0.1',
    udpPort: port,
    tcpPort: port,
    respond: (message, _transport, _client, send) =>
      when(() => send(answerTo(message, { records: [`${questionOf(message).name} 5 A 10.96.0.1`] }))),
    lost: () => undefined,
    clock,
  });
  await listener.ensure();
  await listener.ensure();
  cleanups.push(() => listener.close());
  return (localAddress = '127.0.0.1') => clientOf(connect({ port, host: '127.0.0.1', localAddress }));
}

type Client = { readonly socket: Socket; readonly answers: () => readonly string[]; readonly closed: Promise<unknown> };

function clientOf(socket: Socket): Client {
  let received = Buffer.alloc(0);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  cleanups.push(() => socket.destroy());
  const answers = () => {
    const found: string[] = [];
    for (let at = 0; at + 2 <= received.length; at += 2 + received.readUInt16BE(at))
      found.push(told(received.subarray(at + 2, at + 2 + received.readUInt16BE(at))));
    return found;
  };
  return { socket, answers, closed };
}

function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
}

test('several questions in one piece, and one in several; who sends what is no question is cut off', async () => {
  const { socket, answers, closed } = (await listen())();
  const bytes = Buffer.concat(['a.c.test', 'b.c.test', 'c.c.test'].map((name) => framed(question(name))));
  socket.write(bytes.subarray(0, 33));
  await eventually(() => answers().length > 0, 'the first answer');
  socket.write(bytes.subarray(33));
  await eventually(() => answers().length === 3, 'all answers');
  expect(answers()).toEqual(Array.from({ length: 3 }, () => 'NOERROR; A 10.96.0.1 5'));
  socket.write(Buffer.from([0xff, 0xff, 0]));
  await closed;
});

test('who asks and ends has all answers, however late, and then the end', async () => {
  const late: (() => void)[] = [];
  const { socket, answers, closed } = (await listen(systemClock, (send) => late.push(send)))();
  const ended = once(socket, 'end');
  socket.end(Buffer.concat(['a.c.test', 'b.c.test'].map((name) => framed(question(name)))));
  await eventually(() => late.length === 2, 'the questions');
  late[1]?.();
  await eventually(() => answers().length === 1, 'the first answer');
  late[0]?.();
  await ended;
  expect(answers()).toHaveLength(2);
  await closed;
});

test('who ends without a question, or within one, has the end at once', async () => {
  const client = await listen();
  for (const bytes of [Buffer.alloc(0), framed(question('a.c.test')).subarray(0, 9)]) {
    const { socket, closed } = client();
    socket.end(bytes);
    await closed;
  }
});

test('who asks, ends and is not answered is cut off like any that asks nothing', async () => {
  const clock = manualClock();
  let asked = 0;
  const { socket, closed } = (await listen(clock, () => (asked += 1)))();
  socket.end(framed(question('a.c.test')));
  await eventually(() => asked === 1, 'the question');
  await clock.advance(IDLE_MS_MAX);
  await closed;
});

test('who sends a question bit by bit has no more time for it than who sends none', async () => {
  const clock = manualClock();
  const { socket, closed } = (await listen(clock))();
  await once(socket, 'connect');
  const bytes = framed(question('a.c.test'));
  for (let second = 0; second * 1_000 <= IDLE_MS_MAX; second += 1) {
    socket.write(bytes.subarray(second, second + 1));
    await clock.advance(1_000);
  }
  await closed;
});

test('who holds as many connections as one may takes none from others', async () => {
  const client = await listen();
  const all = Array.from({ length: CONNECTIONS_EACH_MAX }, () => client());
  for (const { socket, answers } of all) {
    socket.write(framed(question('a.c.test')));
    await eventually(() => answers().length === 1, 'an answer');
  }
  await client().closed;
  const other = client('127.0.0.2');
  other.socket.write(framed(question('a.c.test')));
  await eventually(() => other.answers().length === 1, 'the answer to another');
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address of this shape.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
