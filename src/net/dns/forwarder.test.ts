import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerTo, question } from '../../../test/support/dns-message.ts';
import { NAMES, responderWorld } from '../../../test/support/responder-world.ts';
import { keyOfName } from './name.ts';
import { aged, readReply, unpack } from './reply.ts';

/** What it says of names that are others': asked, kept, aged, and failed in time. */

test('never: an exception or another answer from what an upstream sends', () => {
  const key = keyOfName('www.example.com') ?? '';
  const good = answerTo(question('www.example.com'), {
    records: ['www.example.com 60 CNAME a.example.com', 'a.example.com 60 A 192.0.2.80'],
    authority: ['example.com 60 SOA ns.example.com 5'],
  });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((random) => Buffer.from(random)),
    fc.tuple(fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }), fc.nat(200)).map(([changes, cut]) => {
      const changed = Buffer.from(good);
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed.subarray(0, changed.length - (cut > 100 ? 0 : cut));
    }),
  );
  fc.assert(
    fc.property(bytes, (message) => {
      const reply = readReply(message, { id: 7, key, type: 1 });
      if (reply === undefined) return;
      expect(reply.seconds).toBeGreaterThanOrEqual(0);
      expect(message.readUInt16BE(0)).toBe(7);
      expect(aged(reply, 5, 0)).toHaveLength(reply.rest.length);
      unpack({ bytes: reply.rest, answers: reply.answers, authorities: reply.authorities }, key);
    }),
    { numRuns: 3_000 },
  );
});

test('other names: asked once for all that ask, kept for as long as they may be, and aged', async () => {
  const { ask, asked, clock, answerSoon, isProbe } = responderWorld(NAMES, (name) =>
    name === 'nope.example'
      ? { rcode: 'NXDOMAIN', authority: ['example 600 SOA ns.example 20'] }
      : name === 'alias.example'
        ? { records: ['alias.example 600 CNAME empty.example'], authority: ['example 600 SOA ns.example 20'] }
        : { records: [`${name} 60 A 192.0.2.80`] },
  );
  const both = [ask('www.example.com'), ask('WWW.example.com')];
  await clock.settle();
  expect(both.map(({ said }) => said())).toEqual(['NOERROR; A 192.0.2.80 60', 'NOERROR; A 192.0.2.80 60']);
  await clock.advance(40_000);
  expect(ask('www.example.com').said()).toBe('NOERROR; A 192.0.2.80 20');
  const negative = ['nope.example', 'alias.example'];
  for (const name of negative) await answerSoon(name);
  await clock.advance(19_000);
  expect(negative.map((name) => ask(name).said()?.split(' ')[0])).toEqual(['NXDOMAIN;', 'NOERROR;']);
  await clock.advance(2_000);
  for (const name of negative) await answerSoon(name);
  expect(asked.filter((line) => !isProbe(line))).toEqual([
    '192.0.2.1 www.example.com',
    '192.0.2.1 nope.example',
    '192.0.2.1 alias.example',
    '192.0.2.1 nope.example',
    '192.0.2.1 alias.example',
  ]);
  // Nobody learns what others have asked for.
  expect(ask('www.example.com', { flags: 0 }).said()).toBe('REFUSED');
});

test('the next resolver is asked where one is slow, dead or at a loss; who was silent comes last', async () => {
  const { asked, answerSoon, isProbe } = responderWorld(
    NAMES,
    (name, upstream) => {
      if (name.includes('probe.')) return { rcode: 'NXDOMAIN' };
      if (upstream === '192.0.2.1') return undefined;
      return upstream === '192.0.2.2' ? { rcode: 'SERVFAIL' } : { records: [`${name} 60 A 192.0.2.80`] };
    },
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  );
  expect(await answerSoon('a.example', {}, 501)).toBe('NOERROR; A 192.0.2.80 60');
  expect(asked.filter((line) => !isProbe(line))).toEqual(['192.0.2.1 a.example', '192.0.2.2 a.example', '192.0.2.3 a.example']);
});

test('nobody answers: what is known goes on, past its time, the rest fails at once, and it heals by itself', async () => {
  let isUp = true;
  const { answerSoon, clock, states } = responderWorld(NAMES, (name) =>
    isUp ? { records: [`${name} 60 A 192.0.2.80`] } : undefined,
  );
  await answerSoon('kept.example');
  isUp = false;
  await clock.advance(61_000);
  // Not known to be gone yet: asked, and the old answer before a client loses patience.
  expect(await answerSoon('kept.example', {}, 1_000)).toBeUndefined();
  expect(await answerSoon('kept.example', {}, 1_801)).toBe('NOERROR; A 192.0.2.80 30');
  await clock.advance(3_000);
  expect(states).toEqual(['up', 'silent']);
  expect(await answerSoon('kept.example')).toBe('NOERROR; A 192.0.2.80 30');
  expect(await answerSoon('new.example', {}, 100)).toBe('SERVFAIL');
  expect(await answerSoon('web.default.svc.c.test')).toBe('NOERROR aa; A 10.96.0.1 5');
  isUp = true;
  await clock.advance(5_000);
  expect(states).toEqual(['up', 'silent', 'up']);
  expect(await answerSoon('new.example')).toBe('NOERROR; A 192.0.2.80 60');
});

test('a name whose own servers are dead makes nobody else wait', async () => {
  const { answerSoon, clock, states } = responderWorld(NAMES, (name) =>
    name === 'dead.example' ? undefined : { records: [`${name} 60 A 192.0.2.80`] },
  );
  void answerSoon('dead.example');
  await clock.advance(5_000);
  expect(states).toEqual(['up']);
  expect(await answerSoon('good.example')).toBe('NOERROR; A 192.0.2.80 60');
});

test('a resolver that asks us is asked no more, and again once it does not', async () => {
  let circle = true;
  const through: { ask?: (name: string) => string | undefined } = {};
  const { ask, answerSoon, clock, states, asked } = responderWorld(NAMES, (name) => {
    if (!circle) return { records: [`${name} 60 A 192.0.2.80`] };
    // It passes on what it is asked, and has no answer before we have one.
    const rcode = through.ask?.(name);
    return rcode === undefined ? undefined : { rcode };
  });
  through.ask = (name) => ask(name).said()?.split(' ')[0];
  expect(await answerSoon('first.example', {}, 3_000)).toBe('SERVFAIL');
  expect(states).toEqual(['up', 'looping']);
  const before = asked.length;
  expect(await answerSoon('second.example')).toBe('SERVFAIL');
  expect(asked.length).toBe(before);
  circle = false;
  await clock.advance(31_000);
  expect(states).toEqual(['up', 'looping', 'up']);
  expect(await answerSoon('second.example')).toBe('NOERROR; A 192.0.2.80 60');
});

test('who floods it with names finds limits, and takes nothing from others, nor from names of the cluster', async () => {
  const { ask, clock, asked, forwarder, answerSoon, isProbe } = responderWorld(NAMES, (name) =>
    name.includes('probe.') ? { rcode: 'NXDOMAIN' } : undefined,
  );
  const flood = (client: string) => Array.from({ length: 150 }, (_, at) => ask(`n${at}.${client}.example`, {}, 'udp', client));
  const failedOf = (all: ReturnType<typeof flood>) => all.filter(({ said }) => said() === 'SERVFAIL').length;
  const first = flood('10.32.0.5');
  await clock.settle();
  expect(failedOf(first)).toBe(22);
  const others = ['10.32.0.6', '10.32.0.7'].map(flood);
  await clock.settle();
  expect(others.map(failedOf)).toEqual([22, 150]);
  expect(asked.filter((line) => !isProbe(line))).toHaveLength(256);
  expect(await answerSoon('web.default.svc.c.test')).toBe('NOERROR aa; A 10.96.0.1 5');
  expect(forwarder.size().entries).toBe(0);
});
