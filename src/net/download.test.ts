import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { eventually } from '../../test/support/eventually.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { createDownloads } from './download.ts';

let folder: string;
const servers: Server[] = [];
const signal = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It listens on a TCP port, as asked for.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy that tells where it was asked to connect to. */
async function proxy(asked: string[]): Promise<string> {
  const url = await serve((request, response) => {
    asked.push(`GET ${request.url}`);
    response.end('through the proxy');
  });
  servers.at(-1)?.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    const [host, port] = (request.url ?? '').split(':');
    const far = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      far.pipe(socket).pipe(far);
    });
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
  });
  return url;
}

async function get(url: string, environment: Readonly<Record<string, string>> = {}, bytesMax = 1_000): Promise<string> {
  const downloads = createDownloads(environment, systemClock);
  try {
    return Buffer.from(await downloads.bytes(url, bytesMax, signal)).toString();
  } finally {
    await downloads.close();
  }
}

test('through the proxy that the environment names, but not where it says not to; redirects are followed', async () => {
  const asked: string[] = [];
  const far = await serve((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/here' }).end();
    else response.end(`from ${request.url}`);
  });
  const http_proxy = await proxy(asked);
  expect(await get(`${far}/moved`)).toBe('from /here');
  expect(asked).toEqual([]);
  await get(`${far}/there`, { http_proxy });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toContain(far.replace('http://', ''));
  await get(`${far}/there`, { HTTP_PROXY: http_proxy, no_proxy: '127.0.0.1' });
  await get(`${far}/there`, { http_proxy: '' });
  expect(asked).toHaveLength(1);
  await get(`${far}/there`, { all_proxy: http_proxy });
  expect(asked).toHaveLength(2);
});

test('what is not there, too much, or refused is told at once; a server that has trouble is asked again', async () => {
  let asked = 0;
  const url = await serve((request, response) => {
    asked += 1;
    if (request.url === '/none') response.writeHead(404).end();
    else if (request.url === '/secret') response.writeHead(403).end();
    else if (request.url === '/busy') response.writeHead(asked < 2 ? 503 : 200).end('at last');
    else response.end('x'.repeat(2_000));
  });
  await expect(get(`${url}/none`)).rejects.toMatchObject({ code: 'NotFound' });
  await expect(get(`${url}/secret`)).rejects.toMatchObject({ code: 'Unreachable', message: expect.stringContaining('HTTP 403') });
  await expect(get(`${url}/large`)).rejects.toMatchObject({ code: 'BadRelease' });
  const downloads = createDownloads({}, systemClock);
  const file = join(folder, 'file');
  await expect(downloads.toFile(`${url}/large`, file, 1_000, () => undefined, signal)).rejects.toMatchObject({
    code: 'BadRelease',
  });
  await expect(downloads.toFile(`${url}/large`, '/dev/full', 9_000, () => undefined, signal)).rejects.toMatchObject({
    code: 'DiskFull',
  });
  await downloads.close();
  asked = 0;
  expect([await get(`${url}/busy`), asked]).toEqual(['at last', 2]);
});

test('where nobody listens it says that it tries again, and in the end what may be wrong', async () => {
  const clock = manualClock();
  const told: string[] = [];
  const downloads = createDownloads({}, clock, (text) => told.push(text));
  const failed = downloads.bytes('http://127.0.0.1:1/x', 1_000, signal).catch(explain);
  for (let tries = 1; tries <= 4; tries += 1) {
    await eventually(() => told.length >= tries, `try ${tries} to fail`);
    await clock.advance(8_000);
  }
  expect(told[0]).toMatch(/^download http:\S+\/x: connect ECONNREFUSED \S+; trying again in 2 s \(1 of 4\)$/);
  expect(await failed).toMatch(/is the address right, or a proxy needed\?\): connect ECONNREFUSED/);
  await downloads.close();
});

test('a server that knows no ranges is taken from the beginning, one that has no more is left', async () => {
  const file = join(folder, 'file');
  const downloads = createDownloads({}, systemClock);
  writeFileSync(file, 'old');
  const url = await serve((request, response) => {
    if (request.url === '/none-left') response.writeHead(416).end();
    else response.end('new and whole');
  });
  await downloads.toFile(`${url}/x`, file, 1_000, () => undefined, signal);
  expect(readFileSync(file, 'utf8')).toBe('new and whole');
  await downloads.toFile(`${url}/none-left`, file, 1_000, () => undefined, signal);
  expect(readFileSync(file, 'utf8')).toBe('new and whole');
  await downloads.close();
});

test('who stops waiting is told so', async () => {
  const url = await serve(() => undefined);
  const stop = new AbortController();
  const downloads = createDownloads({}, systemClock);
  const waiting = downloads.bytes(url, 1_000, stop.signal);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'Aborted' });
  await downloads.close();
});

test('a login in the URL is used for its own server only, and never told', async () => {
  const seen: (string | undefined)[] = [];
  const far = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.end('far');
  });
  const near = await serve((request, response) => {
    seen.push(request.headers.authorization);
    if (request.url === '/moved') response.writeHead(302, { location: `${far}/` }).end();
    else response.writeHead(404).end();
  });
  const own = near.replace('://', '://user:se%40cret@');
  const error = await get(`${own}/missing?key=signed`).catch((cause: unknown) => String(cause));
  expect(error).toContain(`${near}/missing: there is no such file`);
  expect(await get(`${own}/moved`)).toBe('far');
  const basic = `Basic ${Buffer.from('user:se@cret').toString('base64')}`;
  expect(seen).toEqual([basic, basic, undefined]);
});
