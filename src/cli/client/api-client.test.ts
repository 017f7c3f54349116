import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { createApiClient, type ApiClient } from './api-client.ts';

/** A client of a server that answers so. `connections`: how often it was connected to. */
async function startWorld(listener: RequestListener) {
  const sockets: Socket[] = [];
  const server = createServer(listener).on('connection', (socket) => void sockets.push(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const client = (as = 'nobody'): ApiClient =>
    createApiClient(
      {
        server: `http://127.0.0.1:${port}/root`,
        namespace: 'default',
        insecure: false,
        credentials: {},
        impersonation: { 'impersonate-user': as },
      },
      { environment: {}, clock: systemClock, stderr: () => undefined, interactive: () => false },
      500,
    );
  return { client, connections: () => sockets.length };
}

test('one request after the other goes over one connection, many over few', async () => {
  const { client, connections } = await startWorld((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => response.end(JSON.stringify([request.method, request.url, Buffer.concat(chunks).toString()])));
  });
  const one = client();
  expect(await one.send('POST', '/a?b=c', { d: 'ü' })).toEqual(['POST', '/root/a?b=c', '{"d":"ü"}']);
  expect(await one.send('DELETE', '/a', {})).toEqual(['DELETE', '/root/a', '{}']);
  expect(await one.send('GET', '/a')).toEqual(['GET', '/root/a', '']);
  expect(connections()).toBe(1);
  await Promise.all(Array.from({ length: 20 }, () => one.send('GET', '/a')));
  expect(connections()).toBe(4);
});

test('a large answer that nobody reads yet waits for its reader', async () => {
  const line = `${'x'.repeat(999)}\n`;
  const { client } = await startWorld((_, response) => {
    for (let turn = 0; turn < 5_000; turn += 1) response.write(line);
    response.end();
  });
  const answer = await client().open('/', { idleMs: 0, signal: new AbortController().signal });
  await new Promise((resolve) => setImmediate(resolve));
  let bytes = 0;
  for await (const chunk of answer) bytes += chunk.length;
  expect(bytes).toBe(5_000_000);
});

test.each<[string, RequestListener, string]>([
  ['says nothing', () => undefined, 'no answer within 0.5 s'],
  ['goes away at once', (request) => void request.socket.destroy(), 'it closed the connection without an answer'],
  [
    'goes away in between',
    (request, response) => {
      response.writeHead(200, { 'content-length': 9 });
      response.write('{');
      setImmediate(() => request.socket.destroy());
    },
    'its answer is cut off',
  ],
  [
    'stops in between',
    (_, response) => {
      response.writeHead(200, { 'content-length': 9 });
      response.write('{');
    },
    'no answer within 0.5 s',
  ],
])('a server that %s is told of', async (_, listener, why) => {
  const { client } = await startWorld(listener);
  await expect(client().send('GET', '/a')).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    cause: expect.objectContaining({ message: why }),
  });
});

test('no header can bring another', async () => {
  const { client } = await startWorld((_, response) => void response.end('{}'));
  await expect(client('me\r\nx: y').send('GET', '/')).rejects.toThrow('GET http://');
});

test('an answer that is no longer wanted is let go', async () => {
  const { client } = await startWorld((_, response) => void response.write('{"a":1}\n'));
  const stop = new AbortController();
  const one = client();
  const lines = await one.open('/', { idleMs: 0, signal: stop.signal });
  const read = async () => {
    for await (const _ of lines) stop.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'Aborted' });
  await expect(one.open('/', { idleMs: 0, signal: stop.signal })).rejects.toMatchObject({ code: 'Aborted' });
});
