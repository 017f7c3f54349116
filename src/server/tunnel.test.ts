import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { startRealPort, type RealPort } from '../../test/support/real-port.ts';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';
import { createAgentTunnel, type AgentTunnel, type StreamHandler } from '../agent/tunnel.ts';
import type { Json } from '../api/object.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { SkerryError, explain } from '../lib/error.ts';
import { systemIds } from '../lib/ids.ts';
import { silentLog as log } from '../lib/log.ts';
import { createDialer } from '../net/tls/dial.ts';
import { dialStream } from '../net/tunnel/dial-stream.ts';
import { createTunnel, type Tunnel } from './tunnel.ts';

const never = new AbortController().signal;
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

type World = {
  readonly tunnel: Tunnel;
  readonly real: RealPort;
  readonly proxy: TcpProxy;
  readonly agent: AgentTunnel;
  /** Bodies of the commands that went over the link. */
  readonly commands: Json[];
};

/** A link that carries commands at once, in place of the real one, which has tests of its own. */
async function start(
  serve: Readonly<Record<string, StreamHandler>>,
  options: { readonly link?: 'sent' | 'offline' | 'congested' | 'silent'; readonly clock?: Clock } = {},
): Promise<World> {
  const { link = 'sent', clock = systemClock } = options;
  const commands: Json[] = [];
  const tunnel: Tunnel = createTunnel({
    sendCommand: (node, _kind, body, id) => {
      commands.push(body);
      if (link === 'silent') return 'sent';
      if (link !== 'sent') return link;
      agent.open(body, never).then(
        (answer) => tunnel.onCommandResult(node, { id, ok: true, body: answer }),
        (error: unknown) => tunnel.onCommandResult(node, { id, ok: false, body: explain(error) }),
      );
      return 'sent';
    },
    clock,
    ids: systemIds,
    log,
  });
  const real = await startRealPort({ isUpgrade: tunnel.isUpgrade, onUpgrade: tunnel.onUpgrade });
  const proxy = await startTcpProxy(real.address.port);
  const target = { host: '127.0.0.1', port: proxy.port, ...(await real.identity('n1')), pins: [real.serverKeyHash] };
  const agent = createAgentTunnel({ target, serve, clock: systemClock, log });
  stops.push(real.stop, proxy.stop, () => agent.stop(), tunnel.stop);
  return { tunnel, real, proxy, agent, commands };
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString('utf8');
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => `${error instanceof SkerryError ? error.code : ''}: ${explain(error)}`,
  );

test('a stream brings what the handler gives, byte for byte, and ends with it', async () => {
  const large = Buffer.alloc(3_000_000, 'abcdefg');
  const params: Json[] = [];
  const { tunnel, commands } = await start({
    logs: async function* (given) {
      params.push(given);
      yield Buffer.from('one ');
      yield large;
      yield Buffer.from(' two');
    },
  });
  expect(await textOf(tunnel.openStream('n1', 'logs', { container: 'web' }, never))).toBe(`one ${large.toString()} two`);
  expect(params).toEqual([{ container: 'web' }]);
  expect(await textOf(tunnel.openStream('n1', 'logs', null, never))).toContain('one ');
  expect(commands.length).toBe(2);
});

test('an error of the handler arrives with its code, also after some bytes', async () => {
  const { tunnel } = await start({
    logs: async function* () {
      yield Buffer.from('some');
      throw new SkerryError('NotFound', 'no such container');
    },
  });
  const got: string[] = [];
  const read = async () => {
    for await (const chunk of tunnel.openStream('n1', 'logs', null, never)) got.push(Buffer.from(chunk).toString());
  };
  expect(await failure(read())).toBe('NotFound: no such container');
  expect(got).toEqual(['some']);
});

test('a node that is not there, does not take it, does not know it or does not dial is said so', async () => {
  const kinds = { logs: async function* () {} };
  const read = async (world: World, kind = 'logs') => failure(textOf(world.tunnel.openStream('n1', kind, null, never)));
  expect(await read(await start(kinds, { link: 'offline' }))).toBe('ServiceUnavailable: node "n1" is not connected');
  expect(await read(await start(kinds, { link: 'congested' }))).toContain('takes no messages now');
  expect(await read(await start(kinds), 'exec')).toContain('this release knows no kind "exec"');
  const clock = manualClock();
  const silent = await start(kinds, { link: 'silent', clock });
  const waiting = read(silent);
  await clock.advance(10_000);
  expect(await waiting).toContain('did not open the logs stream within 10 s');
  const down = await start(kinds);
  await down.proxy.stop();
  stops.splice(stops.indexOf(down.proxy.stop), 1);
  expect(await read(down)).toContain('could not open the stream');
});

test('the reader leaving, or its signal, ends the handler', async () => {
  const ended: Json[] = [];
  const { tunnel } = await start({
    logs: async function* (params, signal) {
      try {
        yield Buffer.from('one');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      } finally {
        ended.push(params);
      }
    },
  });
  const left = tunnel.openStream('n1', 'logs', 'left', never)[Symbol.asyncIterator]();
  await left.next();
  await left.return?.();
  await eventually(() => ended.includes('left'), 'the first ends');

  const stop = new AbortController();
  const stopped = tunnel.openStream('n1', 'logs', 'stopped', stop.signal)[Symbol.asyncIterator]();
  await stopped.next();
  stop.abort();
  expect(await stopped.next()).toMatchObject({ done: true });
  await eventually(() => ended.includes('stopped'), 'the second ends');
});

test('a slow reader holds the node back', async () => {
  let given = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const { tunnel } = await start({
    logs: async function* () {
      for (let i = 0; i < 2_000; i += 1) {
        yield chunk;
        given += chunk.length;
      }
    },
  });
  const stream = tunnel.openStream('n1', 'logs', null, never)[Symbol.asyncIterator]();
  await stream.next();
  await untilStill(() => given);
  // What the kernel's buffers hold, here of two connections: up to some ten megabytes each.
  expect(given).toBeLessThan((2_000 * chunk.length) / 2);
  let rest = 0;
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) rest += next.value.length;
  expect(rest + chunk.length).toBe(2_000 * chunk.length);
});

test('a cut in the middle is an error, not an end', async () => {
  const { tunnel, proxy } = await start({
    logs: async function* (_, signal) {
      yield Buffer.from('one');
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
  });
  const stream = tunnel.openStream('n1', 'logs', null, never)[Symbol.asyncIterator]();
  await stream.next();
  proxy.cut();
  expect(await failure(stream.next())).toContain('Cut: ');
  const other = tunnel.openStream('n1', 'logs', null, never)[Symbol.asyncIterator]();
  await other.next();
  tunnel.drop('n2');
  tunnel.drop('n1');
  expect(await failure(other.next())).toContain('Cut: ');
});

test('without the right key and ticket nobody gets in, and a ticket is good once', async () => {
  const world = await start({ logs: async function* () {} }, { link: 'silent' });
  const { tunnel, real, commands } = world;
  const reading = textOf(tunnel.openStream('n1', 'logs', null, never));
  await eventually(() => commands.length === 1, 'it asks');
  const { id, ticket } = commands[0] as { id: string; ticket: string };
  const dial = async (node: string, given: { id: string; ticket: string }) => {
    const dialer = createDialer(
      { host: '127.0.0.1', port: real.address.port, ...(await real.identity(node)), pins: [real.serverKeyHash] },
      systemClock,
    );
    return dialStream(dialer, given, { clock: systemClock, timeoutMs: 5_000 }, never);
  };
  expect(await failure(dial('n2', { id, ticket }))).toContain('403');
  expect(await failure(dial('n1', { id, ticket: 'x' }))).toContain('403');
  expect(await failure(dial('n1', { id: 'other', ticket }))).toContain('403');
  const stream = await dial('n1', { id, ticket });
  expect(await failure(dial('n1', { id, ticket }))).toContain('403');
  stream.end();
  expect(await reading).toBe('');
});

test('what is no stream command is refused', async () => {
  const { agent } = await start({ logs: async function* () {} });
  for (const body of [null, 'x', [], { id: 1, ticket: 'x', kind: 'logs' }, { id: 'x', ticket: 'x' }])
    expect(await failure(agent.open(body, never))).toContain('BadRequest');
});

test('an agent that stops does not wait for a reader that reads nothing', async () => {
  let given = 0;
  const { tunnel, agent } = await start({
    logs: async function* (_, signal) {
      for (; !signal.aborted; given += 1) yield Buffer.alloc(256 * 1024);
    },
  });
  const stream = tunnel.openStream('n1', 'logs', null, never)[Symbol.asyncIterator]();
  await stream.next();
  await untilStill(() => given);
  await agent.stop();
  const rest = async () => {
    for (let next = await stream.next(); next.done !== true;) next = await stream.next();
  };
  expect(await failure(rest())).toContain('Cut: ');
});

/** Of a count that no longer grows. */
const SAME_READINGS = 20;

async function untilStill(count: () => number): Promise<void> {
  let last = 0;
  let same = 0;
  await eventually(() => {
    const now = count();
    same = now === last ? same + 1 : 0;
    last = now;
    return now > 0 && same >= SAME_READINGS;
  }, 'it stands still');
}
