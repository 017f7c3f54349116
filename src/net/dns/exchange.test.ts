import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { answerTo, question } from '../../../test/support/dns-message.ts';
import { createExchange } from './exchange.ts';
import { keyOfName } from './name.ts';
import { HEADER_BYTES } from './wire.ts';

/** Real sockets on the loopback: what the kernel has to say is part of it. */
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const exchange = createExchange(systemClock, systemIds);
const KEY = keyOfName('www.example.com') ?? '';
const QUESTION = { key: KEY, type: 1, dnssecOk: false, unchecked: false };
const RECORDS = ['www.example.com 60 A 192.0.2.80'];

/** A name server: what it sends for each datagram, and for each message over TCP. */
async function startUpstream(udp: (asked: Buffer) => readonly Buffer[], tcp?: (asked: Buffer) => Buffer) {
  const asked: { readonly port: number; readonly id: number }[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    asked.push({ port: from.port, id: message.readUInt16BE(0) });
    for (const answer of udp(message)) socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  cleanups.push(() => socket.close());
  const { port } = socket.address();
  if (tcp !== undefined) {
    const server = createServer((connection) => {
      connection.on('error', () => undefined);
      connection.on('data', (chunk: Buffer) => connection.end(framed(tcp(chunk.subarray(2)))));
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
  }
  return { upstream: { address: '127.0.0.1', port }, asked };
}

function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
}

const ask = (upstream: { readonly address: string; readonly port: number }) =>
  exchange(upstream, QUESTION, new AbortController().signal).then(
    ({ rcode, answers, isTruncated, seconds }) => ({ rcode, answers, isTruncated, seconds }),
    (error: Error) => `${error.message}: ${error.cause instanceof Error ? error.cause.message : ''}`,
  );

test('each question from another port, with another id; what is no answer to it is passed over', async () => {
  const forged = (asked: Buffer) => {
    const otherId = answerTo(asked, { records: ['www.example.com 60 A 6.6.6.6'] });
    otherId.writeUInt16BE(asked.readUInt16BE(0) ^ 1, 0);
    const otherClass = answerTo(asked, { records: ['www.example.com 60 A 6.6.6.6', 'www.example.com 60 A 6.6.6.7'] });
    otherClass.writeUInt16BE(3, HEADER_BYTES + KEY.length + 2);
    return [
      otherId,
      Buffer.from('x'),
      otherClass,
      answerTo(question('evil.example', { id: asked.readUInt16BE(0) }), {}),
      answerTo(asked, { records: RECORDS }),
    ];
  };
  const { upstream, asked } = await startUpstream(forged);
  for (let turn = 0; turn < 8; turn += 1)
    expect(await ask(upstream)).toEqual({ rcode: 0, answers: 1, isTruncated: false, seconds: 60 });
  expect(new Set(asked.map(({ port }) => port)).size).toBeGreaterThan(4);
  expect(new Set(asked.map(({ id }) => id)).size).toBeGreaterThan(4);
});

test('where nobody listens that is known at once', async () => {
  const { upstream } = await startUpstream(() => []);
  await cleanups.pop()?.();
  const since = performance.now();
  expect(await ask(upstream)).toContain('ECONNREFUSED');
  expect(performance.now() - since).toBeLessThan(500);
});

test('what did not go into a datagram is fetched over TCP; where that does not go, what there is counts', async () => {
  const cut = (asked: Buffer) => [answerTo(asked, { records: [], truncated: true })];
  const both = await startUpstream(cut, (asked) => answerTo(asked, { records: [...RECORDS, 'www.example.com 60 A 192.0.2.81'] }));
  expect(await ask(both.upstream)).toEqual({ rcode: 0, answers: 2, isTruncated: false, seconds: 60 });
  const one = await startUpstream(cut);
  expect(await ask(one.upstream)).toMatchObject({ answers: 0, isTruncated: true });
});

test('one that knows no EDNS is asked without', async () => {
  const { upstream, asked } = await startUpstream((message) =>
    message.readUInt16BE(10) > 0
      ? [Buffer.concat([message.subarray(0, 2), Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])])]
      : [answerTo(message, { records: RECORDS })],
  );
  expect(await ask(upstream)).toMatchObject({ rcode: 0, answers: 1 });
  expect(asked).toHaveLength(2);
});
