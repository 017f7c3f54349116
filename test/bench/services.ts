import { TABLE, VIP, A, B, FAR, startServiceWorld, tcp, type ServiceWorld } from '../support/service-world.ts';
import type { ServicePortRules } from '#net/services/service-table.ts';
import { median, row, type Row } from './statistics.ts';

/** Services on a node: what a thousand of them cost to put into the kernel and to change, and what one costs a connection. In network namespaces of its own. */
const SERVICES = 1000;
const ENDPOINTS = 5;
const UPDATES = 15;
const ROUNDS = 5;
const CONNECTIONS = 1500;

export async function measureServices(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const backend of ['nft', 'iptables'] as const) {
    const world = await startServiceWorld(backend);
    try {
      rows.push(...(await programmed(world, backend)), ...(await connections(world, backend)));
    } finally {
      world.stop();
    }
  }
  return rows;
}

/** The budgets are nftables': iptables is for where that is refused. */
async function programmed(world: ServiceWorld, backend: string): Promise<readonly Row[]> {
  const isNft = backend === 'nft';
  const all = Array.from({ length: SERVICES }, (_, at) => service(at, 0));
  await world.ensure();
  const whole = await timed(() => world.ensure(...all));
  const updates: number[] = [];
  for (let turn = 1; turn <= UPDATES; turn += 1) {
    all[turn] = service(turn, turn);
    updates.push(await timed(() => world.ensure(...all)));
  }
  const again = await timed(() => world.restart().ensure({ ...TABLE, ports: all }, new AbortController().signal));
  const one = median(updates);
  return [
    row(
      `${SERVICES} services × ${ENDPOINTS} endpoints programmed, ${backend}`,
      ms(whole),
      isNft ? '≤ 0.3 s' : '',
      isNft ? whole <= 300 : undefined,
    ),
    row(
      `one of ${SERVICES} services changed, p50 of ${UPDATES}, ${backend}`,
      ms(one),
      isNft ? '≤ 30 ms' : '',
      isNft ? one <= 30 : undefined,
    ),
    row(`${SERVICES} services found and made anew by another agent, ${backend}`, ms(again)),
  ];
}

/** Connection and request to a pod of the node, by turns straight and through a service, with all the others loaded. */
async function connections(world: ServiceWorld, backend: string): Promise<readonly Row[]> {
  const others = Array.from({ length: SERVICES }, (_, at) => service(at, 0));
  await world.ensure(...others, tcp([A]));
  const straight: number[] = [];
  const led: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    straight.push(await perConnection(world, A.address, A.port));
    led.push(await perConnection(world, VIP, 80));
  }
  const ratios = led.map((value, at) => value / (straight[at] ?? Number.NaN));
  const ratio = median(ratios);
  const isNft = backend === 'nft';
  return [
    row(
      `connect + request through a VIP, p50 of ${ROUNDS} × ${CONNECTIONS}, ${backend}`,
      `${Math.round(median(led) * 1000)} µs`,
      isNft ? '≤ 1.10 × direct' : '',
      isNft ? ratio <= 1.1 : undefined,
      `direct ${Math.round(median(straight) * 1000)} µs, ratio ${ratio.toFixed(2)}`,
    ),
  ];
}

/** Median milliseconds. */
async function perConnection({ peers }: ServiceWorld, host: string, port: number): Promise<number> {
  const { text } = await peers.c.ask({ type: 'fetch-many', host, port, times: CONNECTIONS });
  return Number(text);
}

function service(at: number, turn: number): ServicePortRules {
  const backends = Array.from({ length: ENDPOINTS }, (_, index) => ({
    address: [A, B, FAR][index % 3]?.address ?? '',
    port: 10_000 + index + turn,
  }));
  return tcp(backends, { key: `default/service-${at}`, clusterIp: `10.96.${1 + (at >> 8)}.${at & 255}` });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}
