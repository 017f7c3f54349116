import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipFile } from '../../build/release/gzip.ts';
import { end, run, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { createApi, expectOk } from './api.ts';
import { memoryOf } from './memory.ts';
import { createQuietDisk, type QuietDisk } from './quiet-disk.ts';
import { median, row, throughput, type Row } from './statistics.ts';
import { kubectl } from '../support/kubectl.ts';

/** The executable by itself, beside the same program run from the checkout, and beside a bare Node. */
const ROOT = resolve(import.meta.dirname, '../..');
const CHECKOUT = join(ROOT, 'scripts/skerry');
const TURNS = 20;
const IDLE_MS = 30_000;
/** V8's own, in place of the one that is baked in (build/executable/pack.ts); the other flags there have nothing to do with requests. */
const AS_V8_HAS_IT = '--node-options=--min-semi-space-size=1';
const CLIENTS = 32;
const REQUESTS = { GET: 1_000, PUT: 500 } as const;
const PAIRS = 3;
const ROUNDS = 30;
const WARM = 10;
/** Many, so that no two requests that are under way change the same one. */
const OBJECTS = 500;
/** Two equal servers differ by that much here. */
const NOISE = 0.03;

export async function measureExecutable(program: string): Promise<readonly Row[]> {
  const work = mkdtempSync(join(tmpdir(), 'bench-'));
  const disk = await createQuietDisk();
  try {
    return [
      await download(program, work),
      ...(await starts(program, work)),
      ...(await bakedFlags(program, work)),
      ...(await memory(program, work, disk)),
    ];
  } finally {
    await disk.remove();
    rmSync(work, { recursive: true, force: true });
  }
}

async function download(program: string, work: string): Promise<Row> {
  const packed = join(work, 'skerry.gz');
  await gzipFile(program, packed);
  const mb = statSync(packed).size / 1e6;
  return row('download, gzip', `${mb.toFixed(1)} MB`, '≤ 45 MB', mb <= 45);
}

type Running = { readonly child: ChildProcess; readonly url: string; readonly kubeconfig: string };
let port = 17_700;

async function serve(
  argv: readonly string[],
  dataDir: string,
  ...more: readonly string[]
): Promise<Running & { readonly readyMs: number }> {
  port += 1;
  const since = performance.now();
  const [program, ...before] = argv;
  const args = [...before, 'server', '--data-dir', dataDir, '--listen', `127.0.0.1:${port}`, '--log-level', 'error', ...more];
  const child = spawn(program ?? '', args, { stdio: 'ignore', env: { PATH: process.env['PATH'], SKERRY_CONFIG: '/dev/null' } });
  const url = `https://127.0.0.1:${port}`;
  await waitFor('the server', async () => (await tryRun('curl', ['-skf', `${url}/readyz`])).code === 0 || undefined, 60_000, 5);
  return { child, url, kubeconfig: join(dataDir, 'admin.kubeconfig'), readyMs: performance.now() - since };
}

async function starts(program: string, work: string): Promise<readonly Row[]> {
  const ready = async (argv: readonly string[], name: string) => {
    const took: number[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { child, readyMs } = await serve(argv, join(work, name), '--no-agent');
      took.push(readyMs);
      await end(child);
    }
    return took;
  };
  const [first = Number.NaN, ...later] = await ready([program], 'ready');
  const fromSources = await ready([CHECKOUT], 'ready-sources');
  const server = await serve([program], join(work, 'ready'), '--no-agent');
  const env = { PATH: process.env['PATH'] ?? '', KUBECONFIG: server.kubeconfig, HOME: work };
  const commands = {
    bare: [process.execPath, '-e', '0'],
    get: [program, 'get', 'pods'],
    kubectl: [kubectl('1.36'), 'get', 'pods'],
    version: [program, 'version'],
    sources: [CHECKOUT, 'get', 'pods'],
  } as const;
  const took: Record<keyof typeof commands, number[]> = { bare: [], get: [], kubectl: [], version: [], sources: [] };
  // In turn, so that who else uses the machine delays all of them.
  for (let turn = 0; turn < TURNS; turn += 1)
    for (const name of ['bare', 'get', 'kubectl', 'version', 'sources'] as const) {
      const [command, ...args] = commands[name];
      const since = performance.now();
      await tryRun(command, args, { env });
      took[name].push(performance.now() - since);
    }
  const [bare, get] = [median(took.bare), median(took.get)];
  const peers = `kubectl ${ms(median(took.kubectl))}, from sources ${ms(median(took.sources))}, bare Node ${ms(bare)}`;
  await end(server.child);
  return [
    row('skerry version, start to exit, p50 of 20', ms(median(took.version)), '', undefined, `bare Node ${ms(bare)}`),
    row('skerry get pods, start to exit, p50 of 20', ms(get), '≤ 60 ms', get <= 60, peers),
    row(
      'server start to ready, first start',
      ms(first),
      '≤ 1 s',
      first <= 1000,
      `from sources ${ms(fromSources[0] ?? Number.NaN)}`,
    ),
    row(
      'server start to ready, p50 of later starts',
      ms(median(later)),
      '≤ 1 s',
      median(later) <= 1000,
      `from sources ${ms(median(fromSources.slice(1)))}`,
    ),
  ];
}

/**
 * Servers in pairs and by short turns, so that both of a pair meet the same machine: what one run of the same program differs from the next is more than what the
 * flags do. The first turns, in which code gets warm, are not counted.
 */
async function bakedFlags(program: string, work: string): Promise<readonly Row[]> {
  const ratios: { readonly GET: number[]; readonly PUT: number[] } = { GET: [], PUT: [] };
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const baked = await busyServer(program, join(work, `baked-${pair}`));
    const without = await busyServer(program, join(work, `without-${pair}`), AS_V8_HAS_IT);
    for (let round = 0; round < ROUNDS; round += 1)
      for (const method of ['GET', 'PUT'] as const) {
        const rates = new Map<BusyServer, number>();
        for (const server of round % 2 === 0 ? [baked, without] : [without, baked]) rates.set(server, await server.rate(method));
        if (round >= WARM) ratios[method].push((rates.get(baked) ?? Number.NaN) / (rates.get(without) ?? Number.NaN));
      }
    await baked.stop();
    await without.stop();
  }
  return (['GET', 'PUT'] as const).map((method) => {
    const ratio = median(ratios[method]);
    const what = `${method}s with the baked flags, p50 of ${ratios[method].length} pairs`;
    return row(what, `${ratio.toFixed(2)} ×`, '≥ 1 × without', ratio >= 1 - NOISE, 'the same without them');
  });
}

type BusyServer = Awaited<ReturnType<typeof busyServer>>;

async function busyServer(program: string, dataDir: string, ...flags: readonly string[]) {
  const { child, kubeconfig } = await serve([program], dataDir, '--no-agent', ...flags);
  const api = createApi(kubeconfig, CLIENTS);
  const path = '/api/v1/namespaces/default/configmaps';
  // The time makes each a change.
  const body = (turn: number) => ({
    kind: 'ConfigMap',
    metadata: { name: `config-${turn % OBJECTS}` },
    data: { at: String(performance.now()) },
  });
  for (let turn = 0; turn < OBJECTS; turn += 1) expectOk(await api.call('POST', path, body(turn)));
  return {
    rate: async (method: keyof typeof REQUESTS) =>
      throughput(REQUESTS[method], CLIENTS, async (turn) =>
        expectOk(await api.call(method, `${path}/config-${turn % OBJECTS}`, method === 'PUT' ? body(turn) : undefined)),
      ),
    stop: async () => {
      await api.close();
      await end(child);
    },
  };
}

async function memory(program: string, work: string, disk: QuietDisk): Promise<readonly Row[]> {
  const copy = await disk.put(program);
  const idle = async (child: ChildProcess) => {
    await new Promise((done) => setTimeout(done, IDLE_MS));
    return memoryOf(child.pid ?? 0);
  };
  const server = await serve([copy], join(work, 'memory'), '--no-agent');
  const alone = await idle(server.child);
  const agentIn = async (name: string, group?: string) => {
    const token = (await run(program, ['token', 'create', '--data-dir', join(work, 'memory')])).trim();
    const flagsOfAgent = [
      '--server',
      server.url,
      '--data-dir',
      join(work, name),
      '--node-name',
      name,
      '--docker',
      `unix://${work}/none.sock`,
      '--log-level',
      'error',
    ];
    const script = `${group === undefined ? '' : `echo $$ >${group}/cgroup.procs; `}exec "$0" agent "$@"`;
    const child = spawn('sh', ['-c', script, copy, ...flagsOfAgent, '--token', token], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], SKERRY_CONFIG: '/dev/null', MALLOC_ARENA_MAX: '1' },
    });
    const found = await idle(child);
    const nodes = await run(program, ['get', 'nodes', '--kubeconfig', server.kubeconfig]);
    await end(child);
    return { ...found, joined: nodes.includes(name) };
  };
  const agent = await agentIn('free');
  const group = memoryGroup(48);
  const confined = group === undefined ? undefined : await agentIn('confined', group);
  if (group !== undefined) rmdirSync(group);
  await end(server.child);
  const both = await serve([copy], join(work, 'both'), '--docker', `unix://${work}/none.sock`);
  const withAgent = await idle(both.child);
  await end(both.child);
  const said = ({ rssMb, privateMb }: { readonly rssMb: number; readonly privateMb: number }) => `${rssMb} / ${privateMb} MB`;
  return [
    row('server --no-agent, idle 30 s (RSS / private)', said(alone), '≤ 90 MB', alone.rssMb <= 90),
    row('server with its agent, idle 30 s (RSS / private)', said(withAgent), '≤ 110 MB', withAgent.rssMb <= 110),
    row(
      'agent, 30 s after its join, no engine (RSS / private)',
      said(agent),
      '≤ 70 / 25 MB',
      agent.rssMb <= 70 && agent.privateMb <= 25,
    ),
    confined === undefined
      ? row('agent in a memory cgroup of 48 MB', 'no memory cgroup here')
      : row('agent in a memory cgroup of 48 MB (RSS / private)', said(confined), 'joins and lives', confined.joined),
  ];
}

/** A group of the memory controller, in either version of control groups; undefined where this machine has none to give. */
function memoryGroup(limitMb: number): string | undefined {
  for (const [root, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(root, `skerry-bench-${process.pid}`);
    if (!existsSync(root)) continue;
    mkdirSync(group, { recursive: true });
    if (existsSync(join(group, file))) {
      writeFileSync(join(group, file), `${limitMb}M`);
      return group;
    }
    rmdirSync(group);
  }
  return undefined;
}

function ms(value: number): string {
  return value < 1000 ? `${value.toFixed(value < 100 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`;
}
