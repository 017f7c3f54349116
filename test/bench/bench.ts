import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAUNCH_SCRIPT } from '#install/launch.ts';
import { PROGRAM, createLab, type Lab } from '../../scripts/lab/lab.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { DNS, LAB, ensure } from '../../scripts/lab/requirements.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { createApi, expectOk, type Api } from './api.ts';
import { busyNode } from './busy-node.ts';
import { measureDns } from './dns.ts';
import { measureExecutable } from './executable.ts';
import { measureLan } from './lan.ts';
import { findPid, memoryOf } from './memory.ts';
import { measureServices } from './services.ts';
import { median, printTable, row, throughput, type Row } from './statistics.ts';

/**
 * `npm run bench`: the product's budgets, as far as this release can be measured on them, on real engines in the lab, beside a plain
 * loop of `docker run` on the same engine in the same run. Medians where there are several runs. Machines are noisy: read ratios.
 */

const IMAGE = { reference: 'bench/sleep:1', command: ['sleep', '36000'] };
const NAMESPACE = '/api/v1/namespaces/default';
const REPLICAS = 50;
const CLIENTS = 64;
const BINDINGS = 1000;
const REQUESTS = 6000;
const ROUNDS = 6;
/** V8 gives back what a start took within 10 s of idleness (ARCHITECTURE.md). */
const IDLE_MS = 30_000;

const TOOLS = [...LAB, ...DNS, { program: 'mkfs.ext4', package: 'e2fsprogs' }];

const rows: Row[] = [];

await ensure(TOOLS, (text) => console.log(text));
rows.push(...(await measureExecutable(PROGRAM)), ...(await measureServices()), ...(await measureDns()), ...(await measureLan()));
const installed = mkdtempSync('/var/tmp/skerry-bench-');
const lab = await createLab({ nodes: 1, programs: { 'edge-1': launchedFrom(installed) } });
try {
  await bench(lab);
  printTable(rows);
} finally {
  await lab.remove();
  rmSync(installed, { recursive: true, force: true });
}

async function bench(stage: Lab): Promise<void> {
  const host = stage.nodes[0] as Host;
  await stage.server.boot({ engine: false });
  await stage.startServer('--log-level', 'warn');
  await host.boot({ engine: true });
  await stage.loadImages(host, [IMAGE]);
  stage.startAgent(host, '--server', stage.serverUrl, '--token', await stage.createToken(), '--log-level', 'warn');
  const api = createApi(stage.kubeconfig, CLIENTS);
  try {
    await waitFor('the node', () => isReady(api), 60_000);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    memory(stage, `idle ${IDLE_MS / 1000} s, with an engine`, 25);
    await applyToRunning(api, host);
    await fiftyReplicas(api, host);
    memory(stage, `with ${REPLICAS} pods`);
    await requests(api);
    await requestsByRoles(api, stage.kubeconfig);
    await api.call('DELETE', '/apis/apps/v1/namespaces/default/deployments/many');
    rows.push(...(await busyNode(api, pidsOf(stage).agent, IMAGE.reference)));
  } finally {
    await api.close();
  }
}

/** The agent runs as it does on a board: by the script that an installation puts beside its slots. */
function launchedFrom(lib: string): readonly string[] {
  mkdirSync(join(lib, 'slots/bench'), { recursive: true });
  symlinkSync(PROGRAM, join(lib, 'slots/bench/skerry'));
  symlinkSync('slots/bench', join(lib, 'current'));
  writeFileSync(join(lib, 'launch'), LAUNCH_SCRIPT);
  return ['/bin/sh', join(lib, 'launch')];
}

async function isReady(api: Api): Promise<true | undefined> {
  const node = JSON.parse((await api.call('GET', '/api/v1/nodes/edge-1')).text) as {
    status?: { conditions?: readonly { type: string; status: string }[] };
  };
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true ? true : undefined;
}

async function applyToRunning(api: Api, host: Host): Promise<void> {
  const running: number[] = [];
  const reported: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const name = `one-${turn}`;
    const abort = new AbortController();
    const sinceWall = Date.now();
    const since = performance.now();
    const seen = new Promise<string>((resolve, reject) => {
      api
        .watch(
          `${NAMESPACE}/pods?watch=true&fieldSelector=metadata.name%3D${name}`,
          (object) => {
            // Sound: the API answers pods here.
            const { metadata, status } = object as { metadata: { uid: string }; status?: { phase?: string } };
            if (status?.phase === 'Running') resolve(metadata.uid);
          },
          abort.signal,
        )
        .catch((error: unknown) => (abort.signal.aborted ? undefined : reject(error as Error)));
    });
    await api.call('POST', `${NAMESPACE}/pods`, pod(name));
    const uid = await seen;
    reported.push(performance.now() - since);
    running.push((await startedAt(host, uid)) - sinceWall);
    abort.abort();
    await api.call('DELETE', `${NAMESPACE}/pods/${name}?gracePeriodSeconds=0`);
  }
  const peer = `docker run ${ms(await dockerRun(host, 5, 1))}`;
  rows.push(
    row('apply → container running, p50 of 10', ms(median(running)), '≤ 0.30 s', median(running) <= 300, peer),
    row('apply → reported Running, p50 of 10', ms(median(reported)), '≤ 0.40 s', median(reported) <= 400, peer),
  );
}

/** When the pod's container was started, by the engine's record of it; in ms of the wall clock all hosts of the lab share. */
async function startedAt(host: Host, podUid: string): Promise<number> {
  const labels = ['--filter', `label=io.skerry.pod=${podUid}`, '--filter', 'label=io.skerry.container=sleep'];
  const id = (await docker(host, 'ps', '--all', '--quiet', ...labels)).trim();
  return Date.parse((await docker(host, 'inspect', '--format', '{{.State.StartedAt}}', id)).trim());
}

function docker(host: Host, ...argv: readonly string[]): Promise<string> {
  return run('docker', ['-H', `unix://${host.engineSocket()}`, ...argv]);
}

async function fiftyReplicas(api: Api, host: Host): Promise<void> {
  const peer = (await dockerRun(host, REPLICAS, 4)) * REPLICAS;
  const since = performance.now();
  await api.call('POST', '/apis/apps/v1/namespaces/default/deployments', deployment('many', REPLICAS));
  await waitFor(
    `${REPLICAS} replicas`,
    async () => {
      const { status } = JSON.parse((await api.call('GET', '/apis/apps/v1/namespaces/default/deployments/many')).text) as {
        status?: { readyReplicas?: number };
      };
      return status?.readyReplicas === REPLICAS ? true : undefined;
    },
    120_000,
  );
  const took = performance.now() - since;
  rows.push(
    row(
      `${REPLICAS} replicas on one node, reported Running`,
      ms(took),
      '≤ 5 s',
      took <= 5000,
      `docker run ×4: ${ms(peer)}, ratio ${(took / peer).toFixed(2)}`,
    ),
  );
}

/** Mean milliseconds of a container by `docker run`, `parallel` at a time. */
async function dockerRun(host: Host, count: number, parallel: number): Promise<number> {
  const perSecond = await throughput(count, parallel, async (turn) => {
    await docker(host, 'run', '-d', '--name', `peer-${turn}`, '--network', 'none', IMAGE.reference);
  });
  await docker(host, 'rm', '-f', ...Array.from({ length: count }, (_, turn) => `peer-${turn}`));
  return 1000 / perSecond;
}

async function requests(api: Api): Promise<void> {
  const names = Array.from({ length: 500 }, (_, at) => `config-${at}`);
  const body = (name: string, turn: number) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { turn: String(turn), filling: 'x'.repeat(3500) },
  });
  for (const name of names) await api.call('POST', `${NAMESPACE}/configmaps`, body(name, 0));
  const gets = await rates(async (turn) =>
    expectOk(await api.call('GET', `${NAMESPACE}/configmaps/${names[turn % names.length]}`)),
  );
  const puts = await rates(async (turn) =>
    expectOk(
      await api.call(
        'PUT',
        `${NAMESPACE}/configmaps/${names[turn % names.length]}`,
        body(names[turn % names.length] ?? '', turn + 1),
      ),
    ),
  );
  rows.push(row(`GET over TLS, ${CLIENTS} clients (measured from Node on the same cores)`, `${Math.round(gets)}/s`));
  rows.push(
    row(
      `durable PUT over TLS, ${CLIENTS} clients`,
      `${Math.round(puts)}/s`,
      '≥ 5 × 906/s (kube-apiserver + etcd)',
      puts >= 5 * 906,
    ),
  );
}

/** A service account among many bindings, found by its token: roles must not cost what is done for every request. */
async function requestsByRoles(api: Api, kubeconfig: string): Promise<void> {
  const path = `${NAMESPACE}/configmaps/config-0`;
  const group = 'rbac.authorization.k8s.io';
  for (let turn = 0; turn < BINDINGS; turn++) {
    const metadata = { name: `binding-${turn}` };
    const subjects = [{ kind: 'ServiceAccount', name: turn === 0 ? 'default' : `other-${turn}`, namespace: 'default' }];
    const binding = { metadata, roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'view' }, subjects };
    expectOk(await api.call('POST', `/apis/${group}/v1/namespaces/default/rolebindings`, binding));
  }
  const answer = await api.call('POST', `${NAMESPACE}/serviceaccounts/default/token`, {});
  expectOk(answer);
  const { status } = JSON.parse(answer.text) as { readonly status: { readonly token: string } };
  const bot = createApi(kubeconfig, CLIENTS, status.token);
  // By turns, so that both meet the same machine and code that is as warm; the first round is not counted.
  const rounds: { readonly admin: number; readonly bot: number }[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({
      admin: await throughput(REQUESTS, CLIENTS, async () => expectOk(await api.call('GET', path))),
      bot: await throughput(REQUESTS, CLIENTS, async () => expectOk(await bot.call('GET', path))),
    });
  await bot.close();
  const counted = rounds.slice(1);
  const ratio = median(counted.map(({ admin, bot: own }) => own / admin));
  const byRoles = median(counted.map(({ bot: own }) => own));
  rows.push(
    row(
      `GET by a token and a role, ${BINDINGS} bindings`,
      `${Math.round(byRoles)}/s, ${ratio.toFixed(2)} × the administrator's`,
      '≥ 0.9 ×',
      ratio >= 0.9,
    ),
  );
}

async function rates(work: (turn: number) => Promise<void>): Promise<number> {
  const runs: number[] = [];
  for (let turn = 0; turn < 3; turn++) runs.push(await throughput(REQUESTS, CLIENTS, work));
  return median(runs);
}

/** Of resident memory the budgets are executable.ts's, on a disk whose read-ahead is an ordinary one: what is read of the program counts. */
function memory(stage: Lab, when: string, agentPrivateMax?: number): void {
  const pids = pidsOf(stage);
  const [server, agent] = [memoryOf(pids.server), memoryOf(pids.agent)];
  rows.push(
    row(`server memory, ${when} (RSS / private)`, `${server.rssMb} / ${server.privateMb} MB`),
    row(
      `agent memory, ${when} (RSS / private)`,
      `${agent.rssMb} / ${agent.privateMb} MB`,
      agentPrivateMax === undefined ? '' : `private ≤ ${agentPrivateMax} MB`,
      agentPrivateMax === undefined ? undefined : agent.privateMb <= agentPrivateMax,
    ),
  );
}

function pidsOf(stage: Lab): { readonly server: number; readonly agent: number } {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return {
    server: findPid(['server', stage.server.disk], pids),
    agent: findPid(['agent', (stage.nodes[0] as Host).disk], pids),
  };
}

function pod(name: string) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: podSpec() };
}

function podSpec() {
  return {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'sleep', image: IMAGE.reference, resources: { requests: { cpu: '1m', memory: '1Mi' } } }],
  };
}

function deployment(name: string, replicas: number) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: podSpec() },
    },
  };
}

function ms(value: number): string {
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
}
