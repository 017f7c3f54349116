import fc from 'fast-check';
import { expect, test } from 'vitest';
import { question, questionOf, told, type AskOptions } from '../../../test/support/dns-message.ts';
import { GROUPS, NAMES, SOA, ZONES, group, joined, responderWorld } from '../../../test/support/responder-world.ts';
import type { Transport } from './answer.ts';
import { keyOfName } from './name.ts';
import type { DnsRecord, NameSet, RecordGroup } from './record.ts';
import { RecordIndex } from './record-index.ts';

/** What it says of its own names, and to what is no question. Other names: forwarder.test.ts. */

test('names of its own, of every type', () => {
  const { ask } = responderWorld(NAMES);
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
  const { ask } = responderWorld(NAMES);
  const { bytes, said } = ask('WEB.deFault.SVC.c.TEST');
  expect(said()).toBe('NOERROR aa; A 10.96.0.1 5');
  expect(questionOf(bytes() ?? Buffer.alloc(0)).name).toBe('WEB.deFault.SVC.c.TEST');
});

test('never: another answer to who asks again than to who asks first, whatever has been asked and served between', () => {
  const without = (...gone: readonly RecordGroup[]): NameSet => ({
    ...NAMES,
    groups: NAMES.groups.filter((each) => !gone.includes(each)),
  });
  const aTurn = fc.record({
    name: fc.constantFrom(
      'web.default.svc.c.test',
      'WEB.default.svc.c.test',
      'db.default.svc.c.test',
      '_http._tcp.db.default.svc.c.test',
    ),
    type: fc.constantFrom('A', 'SRV'),
    edns: fc.constantFrom({}, { edns: { udpBytes: 512, dnssecOk: true } }),
    transport: fc.constantFrom<Transport>('udp', 'tcp'),
    serves: fc.constantFrom(undefined, undefined, without(), without(GROUPS.web), without(GROUPS.db)),
  });
  fc.assert(
    fc.property(fc.array(aTurn, { maxLength: 20 }), (turns) => {
      const kept = responderWorld(NAMES);
      let served = NAMES;
      for (const [id, { name, type, edns, transport, serves }] of turns.entries()) {
        if (serves !== undefined) kept.index.serve((served = serves));
        const fresh = responderWorld(served);
        // The serial of its SOA counts what it has served.
        while (fresh.index.serial < kept.index.serial) fresh.index.serve(served);
        const [again, first] = [kept, fresh].map(({ ask }) => ask(name, { type, id, ...edns }, transport).bytes());
        // Addresses that take turns are as many.
        if (name.startsWith('db.') && type === 'A') expect(again?.length).toBe(first?.length);
        else expect(again).toEqual(first);
      }
    }),
  );
});

test('addresses of one name take turns', () => {
  const { ask } = responderWorld(NAMES);
  const orders = new Set(Array.from({ length: 4 }, () => ask('db.default.svc.c.test').said()));
  expect(orders).toEqual(new Set(['NOERROR aa; A 10.32.0.5 5, A 10.32.0.6 5', 'NOERROR aa; A 10.32.0.6 5, A 10.32.0.5 5']));
});

test('a new set counts from one question to the next, and leaves nothing of the old', () => {
  const { ask, index } = responderWorld(NAMES);
  index.serve({ ...NAMES, groups: NAMES.groups.filter((each) => each !== GROUPS.db) });
  expect(ask('db-0.db.default.svc.c.test').said()).toContain('NXDOMAIN');
  expect(ask('default.svc.c.test').said()).toContain('NOERROR');
  index.serve({ ...NAMES, groups: [group({ name: 'web.default.svc.c.test', type: 'A', address: '10.96.0.9' })] });
  expect(ask('web.default.svc.c.test').said()).toContain('10.96.0.9');
  index.serve({ ...NAMES, groups: [] });
  expect(ask('default.svc.c.test').said()).toContain('NXDOMAIN');
});

test('never: another answer from an index that was changed than from one that was made anew', () => {
  const labels = fc.constantFrom('a', 'b', 'a.b', 'c.a.b', 'x');
  const record = fc
    .record({ name: labels.map((label) => `${label}.c.test`), octet: fc.nat(3) })
    .map(({ name, octet }): DnsRecord => ({ name, type: 'A', address: `10.32.0.${octet}` }));
  // Some of them are in several sets.
  const groupsOf = fc.array(fc.array(record, { maxLength: 4 }), { minLength: 4, maxLength: 4 });
  const sets = groupsOf.chain((groups) => fc.array(fc.subarray(groups), { minLength: 1, maxLength: 6 }));
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
        const names: NameSet = { zones: ZONES, groups };
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
  const { ask } = responderWorld({ zones: ZONES, groups: [many] });
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
  const { ask, respond } = responderWorld(NAMES);
  const said = (message: Buffer) => {
    let answer = 'nothing';
    respond(message, 'udp', '10.32.0.9', (...parts) => (answer = told(joined(parts))));
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
  const { respond } = responderWorld(NAMES, () => ({ records: ['www.example.com 60 A 192.0.2.80'] }));
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
      respond(Buffer.from(bytes), 'udp', '10.32.0.9', (...parts) => answers.push(joined(parts)));
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

test('an alias is followed, within the cluster and out of it', async () => {
  const { answerSoon } = responderWorld(NAMES, (name) =>
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
