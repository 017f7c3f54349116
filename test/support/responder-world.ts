import { SkerryError } from '#lib/error.ts';
import { seededIds } from '#lib/ids.ts';
import type { Transport } from '#net/dns/answer.ts';
import { createClientBudgets } from '#net/dns/client-budgets.ts';
import type { Exchange } from '#net/dns/exchange.ts';
import { Forwarder } from '#net/dns/forwarder.ts';
import { bytesOfKey, textOfKey } from '#net/dns/name.ts';
import type { DnsRecord, NameSet } from '#net/dns/record.ts';
import { RecordIndex } from '#net/dns/record-index.ts';
import { readReply } from '#net/dns/reply.ts';
import { createResponder } from '#net/dns/responder.ts';
import { Upstreams, type ResolverHealth } from '#net/dns/upstreams.ts';
import { answerTo, question, told, type AskOptions } from './dns-message.ts';
import { manualClock } from './manual-clock.ts';

/** A name server without sockets: names of its own, and what others would say to what it passes on. */

/** What a name server of the world outside says to a question for a name; undefined: nothing, ever. */
type Outside = (
  name: string,
  upstream: string,
) => { readonly rcode?: string; readonly records?: readonly string[]; readonly authority?: readonly string[] } | undefined;

export const ZONES = [{ name: 'c.test', pods: 'pod.c.test' }, { name: '96.10.in-addr.arpa' }];

export function responderWorld(names: NameSet, outside: Outside = () => undefined, upstreams: readonly string[] = ['192.0.2.1']) {
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
  const budgets = createClientBudgets(clock);
  const respond = createResponder(index, forwarder, all, budgets);
  const ask = (name: string, options: AskOptions = {}, transport: Transport = 'udp', client = '10.32.0.9') => {
    let answer: Buffer | undefined;
    respond(question(name, options), transport, client, (...parts) => (answer = joined(parts)));
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
    budgets,
    ask,
    answerSoon,
    all,
    isProbe: (line: string) => line.includes('probe.'),
  };
}

export function joined(parts: readonly (Buffer | undefined)[]): Buffer {
  return Buffer.concat(parts.filter((part) => part !== undefined));
}

export const group = (...records: readonly DnsRecord[]) => records;
export const GROUPS = {
  web: group(
    { name: 'web.default.svc.c.test', type: 'A', address: '10.96.0.1' },
    { name: '1.0.96.10.in-addr.arpa', type: 'PTR', target: 'web.default.svc.c.test' },
  ),
  db: group(
    { name: 'db.default.svc.c.test', type: 'A', address: '10.32.0.5' },
    { name: 'db.default.svc.c.test', type: 'A', address: '10.32.0.6' },
    { name: 'db-0.db.default.svc.c.test', type: 'A', address: '10.32.0.5' },
    { name: '_http._tcp.db.default.svc.c.test', type: 'SRV', port: 8080, weight: 50, target: 'db-0.db.default.svc.c.test' },
  ),
  out: group({ name: 'out.default.svc.c.test', type: 'CNAME', target: 'www.example.com' }),
  in: group({ name: 'in.default.svc.c.test', type: 'CNAME', target: 'web.default.svc.c.test' }),
  gone: group({ name: 'gone.default.svc.c.test', type: 'CNAME', target: 'nobody.default.svc.c.test' }),
  round: group({ name: 'round.default.svc.c.test', type: 'CNAME', target: 'round.default.svc.c.test' }),
  version: group({ name: 'dns-version.c.test', type: 'TXT', text: '1.1.0' }),
};
export const NAMES: NameSet = { zones: ZONES, groups: Object.values(GROUPS) };
export const SOA = 'c.test SOA ns.dns.c.test 5';
