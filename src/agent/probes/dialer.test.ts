import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { seededIds } from '#lib/ids.ts';
import { newKey } from '#net/tls/certificates.ts';
import { selfSignedCertificate } from '#net/tls/node-certificate.ts';
import { createProbeDialer } from './dialer.ts';
import type { HttpProbe, NetworkProbe } from './probe-request.ts';
import type { ProbeOutcome } from './probe-state.ts';

/** Against servers on this machine's loopback: what goes over the wire, and what is made of what comes back. */
const dial = createProbeDialer(systemClock);
const { signal } = new AbortController();
const open = new Set<NetServer>();

afterEach(async () => {
  for (const server of open) await new Promise((resolve) => void server.close(resolve));
  open.clear();
});

async function listen(server: NetServer): Promise<number> {
  open.add(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // Sound: it listens on an address.
  return (server.address() as AddressInfo).port;
}

async function serve(answer: RequestListener): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createHttp(answer);
  return { server, port: await listen(server) };
}

async function checkHttp(answer: RequestListener, expected: ProbeOutcome, change: Partial<HttpProbe> = {}, timeoutMs = 5_000) {
  const { port, server } = await serve(answer);
  const probe: HttpProbe = { type: 'http', scheme: 'http', host: '127.0.0.1', port, path: '/x?y=1', headers: [], ...change };
  const outcome = await dial(probe, timeoutMs, signal);
  server.closeAllConnections();
  const message = 'message' in outcome ? { message: outcome.message.replaceAll(`:${port}`, ':PORT') } : {};
  expect({ ...outcome, ...message }).toEqual(expected);
}

const answering = (status: number, headers: Record<string, string> = {}, body = '') =>
  ((_request: IncomingMessage, response: ServerResponse) =>
    response.writeHead(status, headers).end(body)) satisfies RequestListener;

const failure = (message: string): ProbeOutcome => ({ result: 'failure', message });

test('http: 200 to 399 is a success, a redirect elsewhere one with a warning', async () => {
  await checkHttp(answering(200), { result: 'success' });
  await checkHttp(answering(204), { result: 'success' });
  await checkHttp(answering(404, {}, 'nothing'), failure('HTTP probe failed with statuscode: 404'));
  await checkHttp(answering(500), failure('HTTP probe failed with statuscode: 500'));
  const warning = (body: string): ProbeOutcome => ({
    result: 'warning',
    message: `Probe terminated redirects, Response body: ${body}`,
  });
  await checkHttp(answering(302, { location: 'http://example.invalid/' }, 'there'), warning('there'));
  await checkHttp(answering(304), warning(''));
  await checkHttp(answering(307, { location: '' }), warning(''));
  const long = answering(301, { location: 'https://example.invalid/' }, 'x'.repeat(100_000));
  await checkHttp(long, warning('x'.repeat(10 * 1024)));
});

test('http: answers that are not quite right are read as upstream reads them', async () => {
  for (const answer of [
    'HTTP/1.1 200 OK\n\nok',
    'HTTP/1.0 200 OK\nContent-Type: text/plain\n\nok',
    'HTTP/1.1 200\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  ]) {
    const port = await listen(createServer((socket) => void socket.once('data', () => socket.end(answer))));
    const outcome = await dial({ type: 'http', scheme: 'http', host: '127.0.0.1', port, path: '/', headers: [] }, 5_000, signal);
    expect([answer, outcome]).toEqual([answer, { result: 'success' }]);
  }
});

test('http: redirects on the same host are followed, ten times', async () => {
  const once: RequestListener = ({ url }, response) =>
    void (
      url === '/x?y=1' ? response.writeHead(302, { location: '/new' }) : response.writeHead(url === '/new' ? 200 : 500)
    ).end();
  await checkHttp(once, { result: 'success' });
  await checkHttp(answering(302, { location: '/x' }), failure('Get "http://127.0.0.1:PORT/x": stopped after 10 redirects'));
});

test('http: what is asked', async () => {
  const asked: IncomingMessage[] = [];
  const { port } = await serve((request, response) => {
    asked.push(request);
    response.end();
  });
  const probe: HttpProbe = { type: 'http', scheme: 'http', host: '127.0.0.1', port, path: '/x?y=1', headers: [] };
  await dial(probe, 5_000, signal);
  const headers = [
    { name: 'Host', value: 'web.lan' },
    { name: 'user-agent', value: 'mine' },
    { name: 'Accept', value: '' },
    { name: 'X-A', value: '1' },
    { name: 'x-a', value: '2' },
  ];
  await dial({ ...probe, headers }, 5_000, signal);
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /x?y=1', 'GET /x?y=1']);
  expect(asked.map((request) => request.headers)).toEqual([
    { host: `127.0.0.1:${port}`, 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' },
    { host: 'web.lan', 'user-agent': 'mine', 'x-a': '1, 2', connection: 'close' },
  ]);
});

test('http: no answer, none in time, and none that is one', async () => {
  const refused = await listen(createServer());
  await afterEachNow();
  const probe: HttpProbe = { type: 'http', scheme: 'http', host: '127.0.0.1', port: refused, path: '/', headers: [] };
  const at = `127.0.0.1:${refused}`;
  expect(await dial(probe, 5_000, signal)).toEqual(failure(`Get "http://${at}/": dial tcp ${at}: connect: connection refused`));
  const late = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  await checkHttp(() => undefined, failure(`Get "http://127.0.0.1:PORT/x?y=1": ${late}`), {}, 50);
  const endless: RequestListener = (_request, response) => void response.writeHead(200).write('x');
  await checkHttp(endless, failure(`Get "http://127.0.0.1:PORT/x?y=1": ${late}`), {}, 50);
  await checkHttp(({ socket }) => void socket.destroy(), failure('Get "http://127.0.0.1:PORT/x?y=1": EOF'));
  const bad = await checkedMessage({ ...probe, headers: [{ name: 'X', value: 'a\nb' }] });
  expect(bad).toContain('Invalid character');
  const giveUp = new AbortController();
  giveUp.abort();
  expect(await dial(probe, 5_000, giveUp.signal)).toEqual({ result: 'unknown', message: 'given up' });
});

const afterEachNow = async () => {
  for (const server of open) await new Promise((resolve) => void server.close(resolve));
  open.clear();
};

async function checkedMessage(request: NetworkProbe): Promise<string> {
  const outcome = await dial(request, 5_000, signal);
  return 'message' in outcome ? outcome.message : '';
}

test('https: whose certificate it is does not matter, and no name is asked for where there is none', async () => {
  const key = newKey();
  const names: unknown[] = [];
  const server = createHttps({ key, cert: selfSignedCertificate('somebody', key, seededIds(1)) }, (_request, response) =>
    response.writeHead(204).end(),
  );
  server.on('secureConnection', ({ servername }) => names.push(servername));
  const port = await listen(server);
  const headers = [{ name: 'Host', value: 'web.lan' }];
  const probe = { type: 'http', scheme: 'https', port, path: '/', headers } as const;
  for (const host of ['127.0.0.1', 'localhost'])
    expect(await dial({ ...probe, host }, 5_000, signal)).toEqual({ result: 'success' });
  expect(names).toEqual([false, 'localhost']);
});

test('tcp: a connection is a success, and closed', async () => {
  const ended: Promise<void>[] = [];
  const server = createServer((socket) => {
    ended.push(new Promise((resolve) => void socket.resume().once('close', () => resolve())));
  });
  const port = await listen(server);
  expect(await dial({ type: 'tcp', host: '127.0.0.1', port }, 5_000, signal)).toEqual({ result: 'success' });
  await Promise.all(ended);
  await afterEachNow();
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  expect(await dial({ type: 'tcp', host: '127.0.0.1', port }, 5_000, signal)).toEqual(failure(refused));
});

test('grpc: the health service is asked for one service, and answers', async () => {
  const asked: string[] = [];
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      const service = Buffer.concat(pieces).subarray(7).toString();
      asked.push(`${headers[':path']} ${headers['user-agent']} ${service}`);
      if (service === 'silent') return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      const known = service === 'other' ? '12' : '0';
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': known, 'grpc-message': known === '0' ? '' : 'what?' }),
      );
      if (known === '0') stream.write(Buffer.from([0, 0, 0, 0, 2, 0x08, service === 'sick' ? 2 : 1]));
      stream.end();
    });
  });
  const port = await listen(server);
  const check = (service: string, timeoutMs = 5_000) =>
    dial({ type: 'grpc', host: '127.0.0.1', port, service }, timeoutMs, signal);
  expect(await check('')).toEqual({ result: 'success' });
  expect(await check('web')).toEqual({ result: 'success' });
  expect(await check('sick')).toEqual(failure('service unhealthy (responded with "NOT_SERVING")'));
  const unknown = 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): what?';
  expect(await check('other')).toEqual(failure(unknown));
  expect(await check('silent', 1_000)).toEqual(failure('timeout: health rpc did not complete within 1s'));
  expect(asked[1]).toBe('/grpc.health.v1.Health/Check kube-probe/1.36 web');
  await afterEachNow();
  expect(await check('')).toEqual(
    failure(`error: failed to connect service at "127.0.0.1:${port}": dial tcp 127.0.0.1:${port}: connect: connection refused`),
  );
});
