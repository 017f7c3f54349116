import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { run, tryRun, waitFor } from './exec.ts';
import { buildImage, type ImageRecipe } from './images.ts';
import { loadImage } from './engine.ts';
import { removeCgroups } from './cgroups.ts';
import { createHost, type Host } from './host.ts';
import { createLan, freeLanId, type Lan } from './network.ts';

/**
 * A server and edge nodes as hosts on one machine, for the demo, the end-to-end tests and the benches. Everything is made below one
 * folder and one id, and `remove` takes all of it away again, whatever state it is in and whatever else is still being done with it.
 */
export type Lab = {
  readonly root: string;
  readonly lan: Lan;
  readonly server: Host;
  readonly nodes: readonly Host[];
  readonly serverUrl: string;
  readonly kubeconfig: string;
  readonly startServer: (...flags: readonly string[]) => Promise<void>;
  readonly stopServer: (signal?: NodeJS.Signals) => Promise<void>;
  readonly createToken: (...flags: readonly string[]) => Promise<string>;
  /** Starts the agent of a host and waits for nothing; give the token at its first start. */
  readonly startAgent: (host: Host, ...flags: readonly string[]) => void;
  readonly stopAgent: (host: Host, signal?: NodeJS.Signals) => Promise<void>;
  readonly loadImages: (host: Host, recipes: readonly ImageRecipe[]) => Promise<void>;
  readonly skerry: (...argv: readonly string[]) => Promise<string>;
  readonly remove: () => Promise<void>;
};

export type LabOptions = {
  readonly nodes: number;
  /** Folder for disks and images; a fresh one below the system's temporary folder if absent. */
  readonly root?: string;
  readonly id?: string;
  /** What stands for the program on the host of that name: argv. */
  readonly programs?: Readonly<Record<string, readonly string[]>>;
};

/** From the checkout, or the executable that SKERRY_PROGRAM names. */
export const PROGRAM = resolve(import.meta.dirname, '../..', process.env['SKERRY_PROGRAM'] ?? 'scripts/skerry');

const READY_MS = 30_000;

export async function createLab(options: LabOptions): Promise<Lab> {
  const id = options.id ?? freeLanId(process.pid);
  const root = options.root ?? mkdtempSync(`/var/tmp/skerry-lab-${id}-`);
  mkdirSync(root, { recursive: true });
  const running = new Map<string, ChildProcess>();
  /** Aborted once the lab is being removed. */
  const ending = new AbortController();
  let building: Promise<unknown> = Promise.resolve();
  const lan = await createLan(id);
  const server = await createHost(id, 1, 'server', root, lan);
  const nodes = await Promise.all(
    Array.from({ length: options.nodes }, (_, at) => createHost(id, at + 10, `edge-${at + 1}`, root, lan)),
  );
  const serverUrl = `https://${server.address}:6443`;
  const dataDir = join(server.disk, 'skerry');
  const kubeconfig = join(dataDir, 'admin.kubeconfig');
  const skerry = (...argv: readonly string[]) => run(PROGRAM, argv, { signal: ending.signal });

  const launch = (host: Host, name: string, argv: readonly string[]) => {
    const child = host.launch(name, [...(options.programs?.[host.name] ?? [PROGRAM]), ...argv]);
    running.set(`${host.name}/${name}`, child);
  };
  const stop = async (host: Host, name: string, signal: NodeJS.Signals) => {
    const child = running.get(`${host.name}/${name}`);
    if (child === undefined) return;
    running.delete(`${host.name}/${name}`);
    await host.end(child, signal);
  };

  return {
    root,
    lan,
    server,
    nodes,
    serverUrl,
    kubeconfig,
    skerry,
    startServer: async (...flags) => {
      launch(server, 'server', ['server', '--no-agent', '--data-dir', dataDir, '--listen', `${server.address}:6443`, ...flags]);
      await waitFor(`the server to be ready (log: ${server.logFile('server')})`, () => readyz(serverUrl), READY_MS, 20);
    },
    stopServer: (signal = 'SIGTERM') => stop(server, 'server', signal),
    createToken: async (...flags) => (await skerry('token', 'create', '--data-dir', dataDir, ...flags)).trim(),
    startAgent: (host, ...flags) => {
      launch(host, 'agent', [
        'agent',
        '--data-dir',
        join(host.disk, 'skerry'),
        '--node-name',
        host.name,
        '--keepalive',
        '5s',
        '--docker',
        'unix:///run/docker.sock',
        ...flags,
      ]);
    },
    stopAgent: (host, signal = 'SIGTERM') => stop(host, 'agent', signal),
    loadImages: async (host, recipes) => {
      for (const recipe of recipes) {
        ending.signal.throwIfAborted();
        const built = buildImage(join(root, 'images'), recipe);
        building = Promise.allSettled([building, built]);
        await loadImage(host.engineSocket(), await built);
      }
    },
    remove: async () => {
      ending.abort(new Error('the lab has been removed'));
      // What runs on them goes with their power.
      running.clear();
      // Each is tried, whatever becomes of the others.
      const failures: unknown[] = [];
      const attempt = async (what: () => Promise<void> | void) => {
        try {
          await what();
        } catch (error) {
          failures.push(error);
        }
      };
      for (const host of [...nodes, server]) await attempt(host.remove);
      await attempt(lan.remove);
      await attempt(() => removeCgroups(`/skerry-lab-${id}`));
      await building;
      await attempt(() => rmSync(root, { recursive: true, force: true }));
      if (failures.length > 0)
        throw new AggregateError(
          failures,
          `not all of the lab could be removed; what is left bears the names sk${id}* and ${root}`,
        );
    },
  };
}

/** Answers true once GET /readyz does with 200; the certificate is the server's own, so it is not checked here. */
async function readyz(url: string): Promise<true | undefined> {
  const { code, stdout } = await tryRun('curl', ['-sk', '-m', '2', '-o', '/dev/null', '-w', '%{http_code}', `${url}/readyz`]);
  return code === 0 && stdout === '200' ? true : undefined;
}
