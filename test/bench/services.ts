import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import { VIP, A, startServiceWorld, tcp, type ServiceWorld } from '../support/service-world.ts';
import { ENDPOINTS, SERVICES, manyServices, type Programmed } from './many-services.ts';
import { median, row, type Row } from './statistics.ts';

/** Services on a node: what a thousand of them cost to put into the kernel and to change, and what one costs a connection. In network namespaces of its own. */
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

/** The budgets are nftables': iptables is for where that is refused. As the agent does it: by a process in the node's own network, which runs the tools and asks itself. */
async function programmed({ node }: ServiceWorld, backend: string): Promise<readonly Row[]> {
  const isNft = backend === 'nft';
  const program = join(import.meta.dirname, 'services-child.ts');
  const said = await run('nsenter', ['-t', String(node.pid), '-n', process.execPath, program, backend]);
  // Sound: services-child.ts prints nothing else.
  const { whole, updates, again } = JSON.parse(said) as Programmed;
  const committed = updates.map((each) => each.committed);
  const one = median(committed);
  const what = `one of ${SERVICES} services changed, p50 of ${updates.length}`;
  return [
    row(
      `${SERVICES} services × ${ENDPOINTS} endpoints programmed, ${backend}`,
      ms(whole),
      isNft ? '≤ 0.3 s' : '',
      isNft ? whole <= 300 : undefined,
    ),
    row(
      `${what}, until the kernel goes by it, ${backend}`,
      ms(one),
      isNft ? '≤ 30 ms' : '',
      isNft ? one <= 30 : undefined,
      `least ${ms(Math.min(...committed))}`,
    ),
    row(`${what}, until the tool has ended, ${backend}`, ms(median(updates.map(({ ended }) => ended)))),
    row(`${SERVICES} services found and made anew by another agent, ${backend}`, ms(again)),
  ];
}

/** Connection and request to a pod of the node, by turns straight and through a service, with all the others loaded. */
async function connections(world: ServiceWorld, backend: string): Promise<readonly Row[]> {
  const others = manyServices();
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

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}
