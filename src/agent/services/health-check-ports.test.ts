import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { CONNECTIONS_EACH_MAX, CONNECTION_MS_MAX, createHealthCheckPorts } from './health-check-ports.ts';
import type { KnownEndpoint, KnownService, ServiceView } from './service-view.ts';

const world = { isLed: true };
const clock = manualClock();
const checks = createHealthCheckPorts(() => world.isLed, clock);
afterEach(() => checks.stop());

const endpoint = (more: Partial<KnownEndpoint>): KnownEndpoint => ({
  address: '10.32.0.2',
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  isLocal: true,
  isDoubtful: false,
  ...more,
});
const service = (port: number, endpoints: readonly KnownEndpoint[], name = 'web'): KnownService => ({
  item: { kind: 'Service', metadata: { namespace: 'shop', name }, spec: { healthCheckNodePort: port } },
  endpoints,
});
const viewOf = (port: number, endpoints: readonly KnownEndpoint[]): ServiceView => ({ services: [service(port, endpoints)] });

/** That somebody holds until it is closed. */
async function holdPort(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  // Sound: it listens at an address, not at a path.
  return { port: (server.address() as AddressInfo).port, server };
}

async function freePort(): Promise<number> {
  const { port, server } = await holdPort();
  server.close();
  await once(server, 'close');
  return port;
}

test('tells how many endpoints of this node are ready, in the words of kube-proxy', async () => {
  const port = await freePort();
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return [response.status, response.headers.get('x-load-balancing-endpoint-weight'), await response.json()];
  };
  const told = (localEndpoints: number, serviceProxyHealthy = true) => ({
    service: { namespace: 'shop', name: 'web' },
    localEndpoints,
    serviceProxyHealthy,
  });
  const other = endpoint({ isLocal: false });
  expect(await checks.ensure(viewOf(port, [endpoint({}), endpoint({}), endpoint({ address: '10.32.0.3' }), other]))).toEqual([]);
  expect(checks.listening()).toEqual([`tcp/${port}`]);
  expect(await ask()).toEqual([200, '2', told(2)]);
  // One that drains is still served, and is no reason to send more; one without the port is led nowhere; one of two slices is one.
  await checks.ensure(viewOf(port, [endpoint({ unready: true, terminating: true }), endpoint({ ports: [] }), other]));
  expect(await ask()).toEqual([503, '0', told(0)]);
  await checks.ensure(viewOf(port, [endpoint({})]));
  world.isLed = false;
  expect(await ask()).toEqual([503, '1', told(1, false)]);
  world.isLed = true;
  await checks.ensure({ services: [] });
  await expect(ask()).rejects.toThrow('fetch failed');
});

test('a port that somebody holds is told of, and answered once it is free', async () => {
  const { port, server } = await holdPort();
  const view = viewOf(port, [endpoint({})]);
  const [refusal] = await checks.ensure(view);
  expect(refusal).toMatchObject({ namespace: 'shop', name: 'web' });
  expect(refusal?.message).toContain(`its healthCheckNodePort ${port}/TCP is not answered: listen EADDRINUSE`);
  server.close();
  await once(server, 'close');
  expect(await checks.ensure(view)).toEqual([]);
  expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
});

test('of two services after one port, who had it keeps it, and the other is told', async () => {
  const port = await freePort();
  const [late, had] = [service(port, [endpoint({})], 'a'), { ...service(port, [endpoint({})], 'b'), retained: true as const }];
  expect(await checks.ensure({ services: [late, had] })).toEqual([
    { namespace: 'shop', name: 'a', message: `its healthCheckNodePort ${port} is shop/b's already` },
  ]);
  expect(await (await fetch(`http://127.0.0.1:${port}`)).json()).toMatchObject({ service: { namespace: 'shop', name: 'b' } });
});

test('who holds connections has so many, for so long', async () => {
  const port = await freePort();
  await checks.ensure(viewOf(port, [endpoint({})]));
  const held: Socket[] = [];
  for (let count = 0; count < CONNECTIONS_EACH_MAX; count += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    held.push(socket);
  }
  await expect.poll(() => fetch(`http://127.0.0.1:${port}`).then(({ status }) => status, String)).toContain('fetch failed');
  // Others have theirs.
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  socket.write('GET / HTTP/1.1\r\nHost: node\r\n\r\n');
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close/i);
  await clock.advance(CONNECTION_MS_MAX);
  for (const each of held) if (!each.resume().closed) await once(each, 'close');
  await expect.poll(() => fetch(`http://127.0.0.1:${port}`).then(({ status }) => status, String)).toBe(200);
});
