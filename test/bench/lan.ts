import { appContainers } from '../../scripts/demo/stage.ts';
import { killContainer } from '../../scripts/lab/engine.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { startLabWorld, twoNodes, type LabWorld } from '../support/lab-world.ts';
import { webPod, webService } from '../support/web-pods.ts';
import { createApi, expectOk, type Api } from './api.ts';
import { median, row, type Row } from './statistics.ts';

/** How soon two nodes of one LAN know what has changed: a pod that died is in nobody's kernel any more, a new service answers by its name. With the looks' own time, some 20 ms each. */
const TURNS = 8;
const WAIT_SECONDS = 20;
const NAMESPACE = '/api/v1/namespaces/default';

export async function measureLan(): Promise<readonly Row[]> {
  const world = await startLabWorld(2);
  const api = createApi(world.lab.kubeconfig, 1);
  try {
    const [one, two] = twoNodes(world);
    await Promise.all([world.join(one), world.join(two)]);
    await world.create(webService('web'), ...Array.from({ length: TURNS }, (_, at) => webPod(`web-${at}`, one)));
    await world.kubectl('wait', '--for=condition=Ready', 'pods', '-l', 'app=web', '--timeout=60s');
    return [...(await deaths(world, one, two)), await newNames(api, [one, two])];
  } finally {
    await api.close();
    await world.lab.remove();
  }
}

async function deaths(world: LabWorld, own: Host, other: Host): Promise<readonly Row[]> {
  const measured: { readonly own: number[]; readonly other: number[] } = { own: [], other: [] };
  for (const { pod, id } of await appContainers(own)) {
    const address = await world.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
    // As services lead to it; the node's own rules for its pods name it without a port.
    const endpoint = `${address}( [.] |:)8080`;
    const knows = `nft list table ip skerry | grep -qE '${endpoint}'`;
    for (const host of [own, other]) await host.exec('sh', '-c', until(knows));
    const gone = [own, other].map((host) => timed(host, until(`! { ${knows}; }`)));
    const sinceMs = performance.now();
    await killContainer(own.engineSocket(), id);
    const [ownMs = Number.NaN, otherMs = Number.NaN] = await Promise.all(gone);
    measured.own.push(ownMs - sinceMs);
    measured.other.push(otherMs - sinceMs);
  }
  return [
    soon(`a pod that dies leaves its own node's kernel`, measured.own, 300),
    soon(`a pod that dies leaves the other node's kernel`, measured.other, 2_000),
  ];
}

async function newNames(api: Api, hosts: readonly Host[]): Promise<Row> {
  const took: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const name = `new-${turn}`;
    const answers = `dig @169.254.20.10 +short +time=1 +tries=1 ${name}.default.svc.cluster.local | grep -q '^10[.]'`;
    const sinceMs = performance.now();
    expectOk(await api.call('POST', `${NAMESPACE}/services`, webService(name)));
    took.push(Math.max(...(await Promise.all(hosts.map((host) => timed(host, until(answers)))))) - sinceMs);
  }
  return soon('a new service answers by name on both nodes', took, 1_000);
}

function soon(what: string, took: readonly number[], budgetMs: number): Row {
  const ms = median(took);
  const budget = `≤ ${budgetMs / 1000} s`;
  return row(
    `${what}, p50 of ${took.length}`,
    `${Math.round(ms)} ms`,
    budget,
    ms <= budgetMs,
    `longest ${Math.round(Math.max(...took))} ms`,
  );
}

/** When it was over, of this process' clock. */
async function timed(host: Host, script: string): Promise<number> {
  await host.exec('sh', '-c', script);
  return performance.now();
}

function until(condition: string): string {
  return `end=$(( $(date +%s) + ${WAIT_SECONDS} )); until ${condition}; do [ $(date +%s) -lt $end ] || exit 1; done`;
}
