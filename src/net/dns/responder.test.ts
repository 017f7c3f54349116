import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { seededIds } from '#lib/ids.ts';
import { answerTo, question, questionOf, told, type AskOptions } from '../../../test/support/dns-message.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { Transport } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { bytesOfKey, keyOfName, textOfKey } from './name.ts';
import type { DnsRecord, NameSet } from './record.ts';
import { RecordIndex } from './record-index.ts';
import { aged, readReply, unpack } from './reply.ts';
import { createResponder } from './responder.ts';
import { Upstreams, type ResolverHealth } from './upstreams.ts';

/** What a name server of the world outside says to a question for a name; undefined: nothing, ever. */
type Outside = (
  name: string,
  upstream: string,
) => { readonly rcode?: string; readonly records?: readonly string[]; readonly authority?: readonly string[] } | undefined;

const ZONES = [{ name: 'c.test', pods: 'pod.c.test' }, { name: '96.10.in-addr.arpa' }];

function world(names: NameSet, outside: Outside = () => undefined, upstreams: readonly string[] = ['192.0.2.1']) {
  const clock = manualClock();
  const { signal } = new AbortController();
  const asked: string[] = [];
  const states: ResolverHealth['state'][] = [];
  const exchange: Exchange = async ({ address }, { key, type }, abort) => {
    const message = Buffer.concat([
      Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      bytesOfKey(key),
      Buffer.from([0, type, 0, 1]),
    ]);
    asked.push(`${address} ${textOfKey(key)}`);
    await Promise.resolve();
    const said = outside(textOfKey(key), address);
    if (said === undefined) {
      await new Promise<void>((resolve) => {
        clock.timer(2_000, resolve);
        abort.addEventListener('abort', () => resolve());
      });
      throw new SkerryError('ResolverSilent', `ask the name server ${address}`);
    }
    const reply = readReply(answerTo(message, said), { id: 7, key, type });
    if (reply === undefined) throw new Error('the test’s own answer is none');
    return reply;
  };
  let probing = false;
  const probe = async () => {
    if (probing) return;
    probing = true;
    const againMs = await all.probe(signal);
    probing = false;
    if (againMs !== undefined && againMs > 0) clock.timer(againMs, () => void probe());
  };
  const all: Upstreams = new Upstreams({
    exchange,
    doubt: () => void probe(),
    changed: ({ state }) => states.push(state),
    clock,
    ids: seededIds(1),
  });
  const index = new RecordIndex('169.254.20.10');
  index.serve(names);
  all.set(upstreams.map((address) => ({ address, port: 53 })));
  const forwarder = new Forwarder(all, clock, signal);
  const respond = createResponder(index, forwarder, all);
  const ask = (name: string, options: AskOptions = {}, transport: Transport = 'udp', client = '10.32.0.9') => {
    let answer: Buffer | undefined;
    respond(question(name, options), transport, client, (bytes) => (answer = bytes));
    return { said: () => (answer === undefined ? undefined : told(answer)), bytes: () => answer };
  };
  const answerSoon = async (name: string, options: AskOptions = {}, withinMs = 0) => {
    const { said } = ask(name, options);
    await clock.settle();
    if (withinMs > 0) await clock.advance(withinMs);
    return said();
  };
  return {
    clock,
    asked,
    states,
    index,
    forwarder,
    respond,
    ask,
    answerSoon,
    all,
    isProbe: (line: string) => line.includes('probe.'),
  };
}

const group = (...records: readonly DnsRecord[]) => records;
const NAMES: NameSet = {
  zones: ZONES,
  groups: new Map([
    [
      'web',
      group(
        { name: 'web.default.svc.c.test', type: 'A', address: '10.96.0.1' },
        { name: '1.0.96.10.in-addr.arpa', type: 'PTR', target: 'web.default.svc.c.test' },
      ),
    ],
    [
      'db',
      group(
        { name: 'db.default.svc.c.test', type: 'A', address: '10.32.0.5' },
        { name: 'db.default.svc.c.test', type: 'A', address: '10.32.0.6' },
        { name: 'db-0.db.default.svc.c.test', type: 'A', address: '10.32.0.5' },
        { name: '_http._tcp.db.default.svc.c.test', type: 'SRV', port: 8080, weight: 50, target: 'db-0.db.default.svc.c.test' },
      ),
    ],
    ['out', group({ name: 'out.default.svc.c.test', type: 'CNAME', target: 'www.example.com' })],
    ['in', group({ name: 'in.default.svc.c.test', type: 'CNAME', target: 'web.default.svc.c.test' })],
    ['gone', group({ name: 'gone.default.svc.c.test', type: 'CNAME', target: 'nobody.default.svc.c.test' })],
    ['round', group({ name: 'round.default.svc.c.test', type: 'CNAME', target: 'round.default.svc.c.test' })],
    ['version', group({ name: 'dns-version.c.test', type: 'TXT', text: '1.1.0' })],
  ]),
};
const SOA = 'c.test SOA ns.dns.c.test 5';

test('names of its own, of every type', () => {
  const { ask } = world(NAMES);
  const check = (name: string, type: string, expected: string) =>
    expect([name, ask(name, { type }).said()]).toEqual([name, expected]);
  check('web.default.svc.c.test', 'A', 'NOERROR aa; A 10.96.0.1 5');
  check('web.default.svc.c.test', 'AAAA', `NOERROR aa;  | ${SOA}`);
  check('nobody.default.svc.c.test', 'A', `NXDOMAIN aa;  | ${SOA}`);
  // A part of longer names is there, though it has nothing itself.
  check('default.svc.c.test', 'A', `NOERROR aa;  | ${SOA}`);
  check('other.svc.c.test', 'A', `NXDOMAIN aa;  | ${SOA}`);
  check('1.0.96.10.in-addr.arpa', 'PTR', 'NOERROR aa; PTR web.default.svc.c.test 5');
  check('2.0.96.10.in-addr.arpa', 'PTR', 'NXDOMAIN aa;  | 96.10.in-addr.arpa SOA ns.dns.c.test 5');
  check(
    '_http._tcp.db.default.svc.c.test',
    'SRV',
    'NOERROR aa; SRV 0 50 8080 db-0.db.default.svc.c.test 5 |  | db-0.db.default.svc.c.test A 10.32.0.5 5',
  );
  check('dns-version.c.test', 'TXT', 'NOERROR aa; TXT "1.1.0" 5');
  check('10-32-0-5.any.pod.c.test', 'A', 'NOERROR aa; A 10.32.0.5 5');
  check('10-32-0-5.any.pod.c.test', 'AAAA', `NOERROR aa;  | ${SOA}`);
  check('10-32-0-256.any.pod.c.test', 'A', `NXDOMAIN aa;  | ${SOA}`);
  check('any.pod.c.test', 'A', `NOERROR aa;  | ${SOA}`);
  check('c.test', 'SOA', 'NOERROR aa; SOA ns.dns.c.test 5');
  check('c.test', 'NS', 'NOERROR aa; NS ns.dns.c.test 5');
  check('ns.dns.c.test', 'A', 'NOERROR aa; A 169.254.20.10 5');
  check('c.test', 'AXFR', 'REFUSED');
  check('web.default.svc.c.test', 'ANY', 'NOERROR aa; A 10.96.0.1 5');
});

test('capitals are the same name, and come back as they were written', () => {
  const { ask } = world(NAMES);
  const { bytes, said } = ask('WEB.deFault.SVC.c.TEST');
  expect(said()).toBe('NOERROR aa; A 10.96.0.1 5');
  expect(questionOf(bytes() ?? Buffer.alloc(0)).name).toBe('WEB.deFault.SVC.c.TEST');
});

test('addresses of one name take turns', () => {
  const { ask } = world(NAMES);
  const orders = new Set(Array.from({ length: 4 }, () => ask('db.default.svc.c.test').said()));
  expect(orders).toEqual(new Set(['NOERROR aa; A 10.32.0.5 5, A 10.32.0.6 5', 'NOERROR aa; A 10.32.0.6 5, A 10.32.0.5 5']));
});

test('a new set counts from one question to the next, and leaves nothing of the old', () => {
  const { ask, index } = world(NAMES);
  index.serve({ ...NAMES, groups: new Map([...NAMES.groups].filter(([key]) => key !== 'db')) });
  expect(ask('db-0.db.default.svc.c.test').said()).toContain('NXDOMAIN');
  expect(ask('default.svc.c.test').said()).toContain('NOERROR');
  index.serve({
    ...NAMES,
    groups: new Map([['web', group({ name: 'web.default.svc.c.test', type: 'A', address: '10.96.0.9' })]]),
  });
  expect(ask('web.default.svc.c.test').said()).toContain('10.96.0.9');
  index.serve({ ...NAMES, groups: new Map() });
  expect(ask('default.svc.c.test').said()).toContain('NXDOMAIN');
});

test('never: another answer from an index that was changed than from one that was made anew', () => {
  const labels = fc.constantFrom('a', 'b', 'a.b', 'c.a.b', 'x');
  const record = fc
    .record({ name: labels.map((label) => `${label}.c.test`), octet: fc.nat(3) })
    .map(({ name, octet }): DnsRecord => ({ name, type: 'A', address: `10.32.0.${octet}` }));
  const sets = fc.array(fc.dictionary(fc.constantFrom('one', 'two', 'three'), fc.array(record, { maxLength: 4 })), {
    minLength: 1,
    maxLength: 6,
  });
  const ask = (index: RecordIndex, name: string) => {
    const found = index.find(keyOfName(name) ?? '', 1);
    if (found?.kind === 'none') return found.exists;
    // Which comes first is chance.
    return found?.body.bytes
      .toString('hex')
      .match(/.{32}/g)
      ?.toSorted((one, other) => one.localeCompare(other));
  };
  fc.assert(
    fc.property(sets, (all) => {
      const index = new RecordIndex('169.254.20.10');
      for (const groups of all) {
        const names: NameSet = { zones: ZONES, groups: new Map(Object.entries(groups)) };
        index.serve(names);
        const fresh = new RecordIndex('169.254.20.10');
        fresh.serve(names);
        for (const name of ['a', 'b', 'a.b', 'c.a.b', 'x', 'y.x', 'none'])
          expect([name, ask(index, `${name}.c.test`)]).toEqual([name, ask(fresh, `${name}.c.test`)]);
      }
    }),
  );
});

test('what does not go into a datagram is cut, between records, and told', () => {
  const many = Array.from({ length: 100 }, (_, at): DnsRecord => ({ name: 'big.c.test', type: 'A', address: `10.32.1.${at}` }));
  const { ask } = world({ zones: ZONES, groups: new Map([['big', many]]) });
  const count = (options: AskOptions, transport?: Transport) => {
    const { bytes, said } = ask('big.c.test', options, transport);
    return [
      said()?.split(';')[0],
      said()?.match(/A 10\./g)?.length,
      (bytes()?.length ?? 0) <= (transport === 'tcp' ? 65_535 : (options.edns?.udpBytes ?? 512)),
    ];
  };
  expect(count({})).toEqual(['NOERROR aa tc', 30, true]);
  expect(count({ edns: { udpBytes: 1232 } })).toEqual(['NOERROR aa tc', 74, true]);
  // Not more than goes through any network, whatever the client would take; not less than anybody must take.
  expect(count({ edns: { udpBytes: 4096 } })).toEqual(['NOERROR aa tc', 74, true]);
  expect(
    ask('big.c.test', { edns: { udpBytes: 100 } })
      .said()
      ?.match(/A 10\./g),
  ).toHaveLength(29);
  expect(count({}, 'tcp')).toEqual(['NOERROR aa', 100, true]);
});

test('what is no question it answers', () => {
  const { ask, respond } = world(NAMES);
  const said = (message: Buffer) => {
    let answer = 'nothing';
    respond(message, 'udp', '10.32.0.9', (bytes) => (answer = told(bytes)));
    return answer;
  };
  const good = question('web.default.svc.c.test');
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good);
    change(bytes);
    return said(bytes);
  };
  expect(changed((bytes) => bytes.writeUInt16BE(0x8100, 2))).toBe('nothing');
  expect(changed((bytes) => bytes.writeUInt16BE(0x2900, 2))).toBe('NOTIMP');
  expect(changed((bytes) => bytes.writeUInt16BE(2, 4))).toBe('FORMERR');
  expect(changed((bytes) => bytes.writeUInt16BE(0xc00c, 12))).toBe('FORMERR');
  expect(changed((bytes) => bytes.writeUInt16BE(3, bytes.length - 2))).toBe('REFUSED');
  expect([said(good.subarray(0, 11)), said(good.subarray(0, 20))]).toEqual(['nothing', 'FORMERR']);
  // BADVERS, its upper part in the OPT record.
  const { bytes } = ask('web.default.svc.c.test', { edns: { udpBytes: 1232, version: 1 } });
  expect(bytes()?.at(-6)).toBe(1);
});

test('never: an exception, more than one answer, or one that is no message, whatever is sent', () => {
  const { respond } = world(NAMES, () => ({ records: ['www.example.com 60 A 192.0.2.80'] }));
  const damaged = fc.tuple(
    fc.constantFrom(
      'web.default.svc.c.test',
      'out.default.svc.c.test',
      'db.default.svc.c.test',
      '10-1-1-1.a.pod.c.test',
      'example.com',
      '.',
    ),
    fc.constantFrom('A', 'SRV', 'ANY', 'TXT', 'OPT'),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }),
    fc.nat(120),
  );
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    damaged.map(([name, type, edns, bytes, cut]) => {
      const whole = question(name, edns ? { type, edns: { udpBytes: 1232 } } : { type });
      for (const [at, value] of bytes) if (at < whole.length) whole[at] = value;
      return whole.subarray(0, Math.max(whole.length - (cut > 60 ? 0 : cut), 0));
    }),
  );
  fc.assert(
    fc.property(message, (bytes) => {
      const answers: Buffer[] = [];
      respond(bytes, 'udp', '10.32.0.9', (answer) => answers.push(answer));
      expect(answers.length).toBeLessThanOrEqual(1);
      for (const answer of answers) {
        told(answer);
        expect(answer.readUInt16BE(0)).toBe(bytes.readUInt16BE(0));
        expect(answer.length).toBeLessThanOrEqual(1232);
      }
    }),
    { numRuns: 3_000 },
  );
});

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

test('an alias is followed, within the cluster and out of it', async () => {
  const { answerSoon } = world(NAMES, (name) =>
    name === 'www.example.com'
      ? { records: ['www.example.com 60 CNAME cdn.example.net', 'cdn.example.net 30 A 192.0.2.80'] }
      : { rcode: 'NXDOMAIN' },
  );
  expect(await answerSoon('out.default.svc.c.test')).toBe(
    'NOERROR aa; CNAME www.example.com 5, www.example.com CNAME cdn.example.net 60, cdn.example.net A 192.0.2.80 30',
  );
  expect(await answerSoon('out.default.svc.c.test', { type: 'CNAME' })).toBe('NOERROR aa; CNAME www.example.com 5');
  expect(await answerSoon('in.default.svc.c.test')).toBe(
    'NOERROR aa; CNAME web.default.svc.c.test 5, web.default.svc.c.test A 10.96.0.1 5',
  );
  expect(await answerSoon('gone.default.svc.c.test')).toBe(`NXDOMAIN aa; CNAME nobody.default.svc.c.test 5 | ${SOA}`);
  expect(await answerSoon('round.default.svc.c.test')).toBe('SERVFAIL');
});

test('other names: asked once for all that ask, kept for as long as they may be, and aged', async () => {
  const { ask, asked, clock, answerSoon, isProbe } = world(NAMES, (name) =>
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
  const { asked, answerSoon, isProbe } = world(
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
  const { answerSoon, clock, states } = world(NAMES, (name) => (isUp ? { records: [`${name} 60 A 192.0.2.80`] } : undefined));
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
  const { answerSoon, clock, states } = world(NAMES, (name) =>
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
  const { ask, answerSoon, clock, states, asked } = world(NAMES, (name) => {
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
  const { ask, clock, asked, forwarder, answerSoon, isProbe } = floodWorld();
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

function floodWorld() {
  return world(NAMES, (name) => (name.includes('probe.') ? { rcode: 'NXDOMAIN' } : undefined));
}
