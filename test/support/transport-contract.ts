import { afterEach, describe, expect, test } from 'vitest';
import { hasCode } from '../../src/lib/error.ts';
import {
  PAYLOAD_BYTES_MAX,
  type AgentConnection,
  type AgentTransport,
  type ServerTransport,
} from '../../src/net/link/transport.ts';
import { eventually } from './eventually.ts';

/** What every transport promises (src/net/link/transport.ts), asked of the in-process pair and of the real port with TLS on loopback. */
export type TransportWorld = {
  readonly server: ServerTransport;
  /** One transport per call, of that node's key; several calls are several machines with one key. */
  readonly agent: (node: string) => AgentTransport;
  readonly cut: (node: string) => void;
  /** Takes all of this node's packets in both directions and says nothing. */
  readonly blackHole: (node: string) => void;
  readonly heal: (node: string) => void;
  readonly refuse: (node: string, reason: string | undefined) => void;
  readonly keepaliveMs: number;
  readonly stop: () => Promise<void>;
};

type Witness = {
  readonly world: TransportWorld;
  /** `connected a`, `a st hello`, `disconnected a`, in the order they came. */
  readonly news: string[];
  readonly seen: Map<string, number>;
};

type AgentWitness = { readonly connection: AgentConnection; readonly messages: string[]; readonly closed: Error[] };

const never = new AbortController().signal;
const bytes = (text: string) => Buffer.from(text, 'utf8');

export function transportContract(name: string, create: () => Promise<TransportWorld>): void {
  describe(`transport contract: ${name}`, () => {
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });

    const start = async (): Promise<Witness> => {
      const world = await create();
      stops.push(world.stop);
      const news: string[] = [];
      const seen = new Map<string, number>();
      world.server.start({
        connected: (node) => news.push(`connected ${node}`),
        disconnected: (node) => news.push(`disconnected ${node}`),
        seen: (node) => seen.set(node, (seen.get(node) ?? 0) + 1),
        message: (node, kind, payload) => news.push(`${node} ${kind} ${Buffer.from(payload).toString('utf8').slice(0, 20)}`),
      });
      return { world, news, seen };
    };

    test('what an agent sends comes to the server, in order, under its name', async () => {
      const { world, news } = await start();
      const a = await join(world, 'a');
      const b = await join(world, 'b.site-1');
      for (let i = 0; i < 200; i += 1) expect(a.connection.send('st', bytes(`${i}`))).toBe('sent');
      expect(b.connection.send('hello', bytes('hi'))).toBe('sent');
      await eventually(() => news.includes('a st 199') && news.includes('b.site-1 hello hi'), 'all came');
      expect(news.filter((entry) => entry.startsWith('a st'))).toEqual(Array.from({ length: 200 }, (_, i) => `a st ${i}`));
      expect(news.indexOf('connected a')).toBeLessThan(news.indexOf('a st 0'));
    });

    test('what the server sends comes to that agent only, in order', async () => {
      const { world } = await start();
      const a = await join(world, 'a');
      const b = await join(world, 'b');
      for (let i = 0; i < 200; i += 1) expect(world.server.send('a', 'delta', bytes(`${i}`))).toBe('sent');
      await eventually(() => a.messages.length === 200, 'all came');
      expect(a.messages).toEqual(Array.from({ length: 200 }, (_, i) => `delta ${i}`));
      expect(b.messages).toEqual([]);
    });

    test('any bytes pass unchanged, up to the largest message', async () => {
      const { world } = await start();
      const received: Uint8Array[] = [];
      await world.agent('a').connect({ message: (_, payload) => received.push(payload), closed: () => {} }, never);
      const large = Uint8Array.from({ length: PAYLOAD_BYTES_MAX }, (_, i) => (i * 7) % 256);
      expect(world.server.send('a', 'chunk', large)).toBe('sent');
      await eventually(() => received.length === 1, 'it came');
      expect(Buffer.compare(Buffer.from(received[0]!), Buffer.from(large))).toBe(0);
    });

    test('a larger message is a bug of the sender, and nothing is sent', async () => {
      const { world } = await start();
      const a = await join(world, 'a');
      const large = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
      expect(() => world.server.send('a', 'chunk', large)).toThrow(/bytes/);
      expect(() => a.connection.send('st', large)).toThrow(/bytes/);
      expect(world.server.send('a', 'head', bytes('1'))).toBe('sent');
      await eventually(() => a.messages.length === 1, 'the connection lives');
    });

    test('a node that is not connected is offline', async () => {
      const { world } = await start();
      expect(world.server.send('a', 'head', bytes('1'))).toBe('offline');
      const a = await join(world, 'a');
      a.connection.close();
      expect(a.connection.send('st', bytes('1'))).toBe('offline');
      await eventually(() => world.server.send('a', 'head', bytes('1')) === 'offline', 'the server knows');
    });

    test('closing tells both sides, once', async () => {
      const { world, news } = await start();
      const a = await join(world, 'a');
      a.connection.close();
      a.connection.close();
      await eventually(() => news.includes('disconnected a'), 'the server knows');
      expect(a.closed.length).toBe(1);
      expect(news).toEqual(['connected a', 'disconnected a']);
    });

    test('the server ends a connection and says why', async () => {
      const { world, news } = await start();
      const a = await join(world, 'a');
      world.server.drop('a', 'its Node object is gone');
      await eventually(() => a.closed.length === 1, 'the agent knows');
      expect(String(a.closed[0])).toContain('its Node object is gone');
      expect(news).toEqual(['connected a', 'disconnected a']);
      expect(world.server.send('a', 'head', bytes('1'))).toBe('offline');
    });

    test('a cut is seen by both, and the node comes back', async () => {
      const { world, news } = await start();
      const a = await join(world, 'a');
      world.cut('a');
      await eventually(() => a.closed.length === 1 && news.includes('disconnected a'), 'both know');
      world.heal('a');
      const again = await join(world, 'a');
      expect(again.connection.send('st', bytes('back'))).toBe('sent');
      await eventually(() => news.includes('a st back'), 'it came');
      expect(news).toEqual(['connected a', 'disconnected a', 'connected a', 'a st back']);
    });

    test('the newer connection of a node replaces the older, which hears why', async () => {
      const { world, news } = await start();
      const first = await join(world, 'a');
      const second = await join(world, 'a');
      await eventually(() => first.closed.length === 1, 'the first knows');
      expect(hasCode(first.closed[0], 'Replaced')).toBe(true);
      world.server.send('a', 'head', bytes('1'));
      second.connection.send('st', bytes('2'));
      await eventually(() => news.includes('a st 2') && second.messages.length === 1, 'the second works');
      expect(news.filter((entry) => !entry.includes(' st '))).toEqual(['connected a', 'disconnected a', 'connected a']);
      expect(first.messages).toEqual([]);
    });

    test('a refused key hears the reason', async () => {
      const { world, news } = await start();
      world.refuse('a', 'node "a" was deleted; join again');
      const error = await world
        .agent('a')
        .connect(silent, never)
        .catch((e: unknown) => e);
      expect(hasCode(error, 'Unauthorized')).toBe(true);
      expect(`${String(error)} ${String((error as Error).cause)}`).toContain('was deleted; join again');
      expect(news).toEqual([]);
      world.refuse('a', undefined);
      await join(world, 'a');
    });

    test('an attempt can be stopped', async () => {
      const { world } = await start();
      world.blackHole('a');
      const stop = new AbortController();
      const attempt = world.agent('a').connect(silent, stop.signal);
      stop.abort();
      expect(hasCode(await attempt.catch((e: unknown) => e), 'Aborted')).toBe(true);
    });

    test('an idle connection is seen and stays', async () => {
      const { world, seen } = await start();
      const a = await join(world, 'a');
      await eventually(() => (seen.get('a') ?? 0) >= 3, 'three pings');
      expect(a.closed).toEqual([]);
    });

    test('the keepalive notices a black hole, on both sides', async () => {
      const { world, news } = await start();
      const a = await join(world, 'a');
      const b = await join(world, 'b');
      world.blackHole('a');
      await eventually(() => a.closed.length === 1 && news.includes('disconnected a'), 'both know', world.keepaliveMs * 6);
      expect(b.closed).toEqual([]);
      world.heal('a');
      await join(world, 'a');
    });

    test('a receiver that takes nothing congests itself and delays nobody', async () => {
      const { world } = await start();
      const dead = await join(world, 'dead');
      const alive = await join(world, 'alive');
      world.blackHole('dead');
      const chunk = new Uint8Array(32 * 1024);
      const results = new Set<string>();
      // More than the kernel's buffers take (loopback takes some megabytes).
      for (let i = 0; i < 2_000 && !results.has('congested'); i += 1) {
        results.add(world.server.send('dead', 'chunk', chunk));
        if (i % 20 === 0) await new Promise((resolve) => void setImmediate(resolve));
      }
      expect([...results]).toEqual(['sent', 'congested']);
      const sentMs = performance.now();
      expect(world.server.send('alive', 'head', bytes('1'))).toBe('sent');
      await eventually(() => alive.messages.length === 1, 'the other gets its own');
      expect(performance.now() - sentMs).toBeLessThan(500);
      await eventually(() => dead.closed.length === 1, 'it is given up', world.keepaliveMs * 6);
    });

    test('stop ends every connection', async () => {
      const { world } = await start();
      const a = await join(world, 'a');
      await world.server.stop();
      await eventually(() => a.closed.length === 1, 'the agent knows');
    });
  });
}

const silent = { message: () => {}, closed: () => {} };

async function join(world: TransportWorld, node: string): Promise<AgentWitness> {
  const messages: string[] = [];
  const closed: Error[] = [];
  const connection = await world.agent(node).connect(
    {
      message: (kind, payload) => messages.push(`${kind} ${Buffer.from(payload).toString('utf8').slice(0, 20)}`),
      closed: (why) => closed.push(why),
    },
    never,
  );
  return { connection, messages, closed };
}
