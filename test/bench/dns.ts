import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, run, start } from '../../scripts/lab/exec.ts';
import { NODE_ADDRESS, knownEndpoint, knownService, startDnsWorld, type DnsWorld } from '../support/dns-world.ts';
import { median, percentile, row, type Row } from './statistics.ts';

/**
 * The node's name server beside dnsmasq with the same names, asked in turns by dnsperf as a pod asks: from another network namespace, over a veth pair. With
 * them an echo in bare Node, to tell what is ours from what is Node's.
 */

const SERVICES = 1_000;
const HEADLESS = 100;
const ADDRESS = '169.254.20.10';
const TURNS = 6;
const SECONDS = 2;
const STEADY_SECONDS = 3;
/** What is asked for the first time is compiled then, here as there. */
const WARM_SECONDS = 2;
const STEADY_QPS = 2_000;
const address = (at: number) => `10.96.${at >> 8}.${at & 255}`;

/** Starts a server; gives what stops it. */
type Start = () => Promise<() => Promise<void>>;

export async function measureDns(): Promise<readonly Row[]> {
  const world = await startDnsWorld();
  try {
    await world.outside.run('ip', 'route', 'add', ADDRESS, 'via', NODE_ADDRESS);
    const { queries, hosts } = prepare(world);
    const { ours, slow, dnsmasq, echo } = servers(world, hosts);
    const rates = await inTurns({ ours, dnsmasq, echo }, () => queriesPerSecond(world, queries));
    const p99s = await inTurns({ ours, dnsmasq, slow }, () => p99(world, queries));
    return rowsOf(rates, p99s);
  } finally {
    await world.stop();
  }
}

/** The same names for both, and what is asked for. */
function prepare(world: DnsWorld): { readonly queries: string; readonly hosts: string } {
  const [queries, hosts] = [join(world.folder, 'queries'), join(world.folder, 'hosts')];
  const endpoints = (at: number) => Array.from({ length: 5 }, (_, index) => `10.32.${at & 127}.${index + 1}`);
  world.setServices([
    ...Array.from({ length: SERVICES }, (_, at) =>
      knownService(
        `svc-${at}`,
        { clusterIP: address(at), ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
        endpoints(at).map((one) => knownEndpoint(one)),
      ),
    ),
    ...Array.from({ length: HEADLESS }, (_, at) =>
      knownService(
        `head-${at}`,
        { clusterIP: 'None' },
        endpoints(at).map((one) => knownEndpoint(one)),
      ),
    ),
  ]);
  const domain = 'default.svc.cluster.local';
  const asked = (at: number) => [
    `svc-${at}.${domain} A`,
    `svc-${at}.${domain} AAAA`,
    ...(at % 10 === 0 ? [`head-${at / 10}.${domain} A`] : []),
    `none-${at}.${domain} A`,
  ];
  const services = Array.from({ length: SERVICES }, (_, at) => at);
  const headless = services.slice(0, HEADLESS);
  const lines = [
    ...services.map((at) => `${address(at)} svc-${at}.${domain}`),
    ...headless.flatMap((at) => endpoints(at).map((one) => `${one} head-${at}.${domain}`)),
  ];
  writeFileSync(queries, services.flatMap(asked).join('\n'));
  writeFileSync(hosts, lines.join('\n'));
  return { queries, hosts };
}

/** `slow`: ours, while every fsync of the ledger takes 500 ms. */
function servers(world: DnsWorld, hosts: string): Readonly<Record<'ours' | 'slow' | 'dnsmasq' | 'echo', Start>> {
  const ours = (slowLedger: boolean) => async () => {
    await world.startServer({ slowLedger });
    return world.stopServer;
  };
  return {
    ours: ours(false),
    slow: ours(true),
    dnsmasq: async () => {
      const names = [`--addn-hosts=${hosts}`, '--local=/cluster.local/', '--cache-size=10000'];
      const { stop } = await world.startDnsmasq(world.node, '--bind-interfaces', `--listen-address=${ADDRESS}`, ...names);
      return stop;
    },
    echo: async () => {
      const argv = [process.execPath, join(import.meta.dirname, 'udp-echo.ts'), ADDRESS];
      const child = start('nsenter', ['-t', String(world.node.pid), '-n', ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
      const said = await Promise.race([child.stdout && once(child.stdout, 'data'), once(child, 'exit').then(() => undefined)]);
      if (said === undefined) throw new Error('the echo does not start');
      return () => end(child);
    },
  };
}

/** By turns, so that whatever else the machine does meets each of them. */
async function inTurns<K extends string>(
  starts: Readonly<Record<K, Start>>,
  measure: () => Promise<number>,
): Promise<Readonly<Record<K, readonly number[]>>> {
  // Sound: the keys of a Record<K, …> are K's.
  const names = Object.keys(starts) as K[];
  const found = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    // Each is first, and last, as often as the others.
    const order = names.map((_, at) => names[(at + turn) % names.length] as K);
    for (const name of order) {
      const stop = await starts[name]();
      try {
        found.get(name)?.push(await measure());
      } finally {
        await stop();
      }
    }
  }
  return Object.fromEntries(found) as Record<K, number[]>;
}

function rowsOf(
  rates: Readonly<Record<'ours' | 'dnsmasq' | 'echo', readonly number[]>>,
  p99s: Readonly<Record<'ours' | 'dnsmasq' | 'slow', readonly number[]>>,
): readonly Row[] {
  // Of each turn: what else the machine does differs from one to the next.
  const ratioTo = (others: readonly number[]) => median(rates.ours.map((rate, turn) => rate / (others[turn] ?? Number.NaN)));
  const ratio = ratioTo(rates.dnsmasq);
  const rate = (all: readonly number[]) => `${Math.round(median(all))}/s`;
  const p99Row = (what: string, all: readonly number[], msMax: number, peer = '') => {
    const p50 = median(all);
    const spread = `${ms(Math.min(...all))} to ${ms(Math.max(...all))}${peer}`;
    return row(`${what}, median of ${TURNS}`, ms(p50), `≤ ${msMax} ms`, p50 <= msMax, spread);
  };
  return [
    row(
      `names of ${SERVICES} services, questions a second, median of ${TURNS}`,
      rate(rates.ours),
      '≥ 0.8 × dnsmasq',
      ratio >= 0.8,
      `dnsmasq ${rate(rates.dnsmasq)}, ratio ${ratio.toFixed(2)}; an echo in bare Node ${rate(rates.echo)}, ratio ${ratioTo(rates.echo).toFixed(2)}`,
    ),
    p99Row(`the same, p99 at ${STEADY_QPS}/s`, p99s.ours, 1, `; dnsmasq ${ms(median(p99s.dnsmasq))}`),
    p99Row('the same, while every fsync takes 500 ms', p99s.slow, 5),
  ];
}

async function queriesPerSecond(world: DnsWorld, queries: string): Promise<number> {
  const load = (seconds: number) => dnsperf(world, ['-d', queries, '-l', String(seconds), '-c', '8', '-q', '100']);
  await load(WARM_SECONDS);
  const said = await load(SECONDS);
  return Number(/Queries per second:\s+([\d.]+)/.exec(said)?.[1] ?? Number.NaN);
}

/** In ms. */
async function p99(world: DnsWorld, queries: string): Promise<number> {
  const ask = (seconds: number) =>
    dnsperf(world, ['-d', queries, '-l', String(seconds), '-Q', String(STEADY_QPS), '-c', '4', '-v']);
  await ask(WARM_SECONDS);
  const said = await ask(STEADY_SECONDS);
  const lost = Number(/Queries lost:\s+(\d+)/.exec(said)?.[1] ?? Number.NaN);
  if (lost !== 0) throw new Error(`${lost} questions had no answer`);
  const times = [...said.matchAll(/^> \w+ \S+ \w+ ([\d.]+)$/gm)].map((match) => Number(match[1]) * 1000);
  return percentile(times, 0.99);
}

function dnsperf(world: DnsWorld, args: readonly string[]): Promise<string> {
  return run('nsenter', ['-t', String(world.outside.pid), '-n', 'dnsperf', '-s', ADDRESS, ...args]);
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
