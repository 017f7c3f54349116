import { writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { AgentOptions } from '#agent/agent.ts';
import type { AgentFlags, Context, ServerFlags, ServiceFlags } from '#cli/context.ts';
import type { Mode } from '#install/layout.ts';
import type { Service } from '#install/service.ts';
import { holdProcess, systemClock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { runningExecutable } from '#lib/executable.ts';
import { systemIds } from '#lib/ids.ts';
import { isJournal } from '#lib/journal.ts';
import type { Log, LogForm } from '#lib/log.ts';
import { platformName } from '#lib/platform.ts';
import type { Server, ServerOptions } from '#server/server.ts';
import manifest from '../package.json' with { type: 'json' };
import type { WorkerRole } from './worker.ts';

/**
 * argv and environment → mode, root logger, exit code; composes the server and its own agent. Nothing else. Modes are imported only
 * when they are run, so that the command line starts fast and an agent holds no server in memory.
 */

void runMain();

async function runMain(): Promise<void> {
  nameProcess();
  watchOutput();
  const { runProgram } = await import('#cli/program.ts');
  const inside = runningExecutable();
  const built = builtRelease();
  const context: Context = {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    write,
    stdin: readStdin,
    interactive: () => process.stdin.isTTY === true,
    homedir,
    clock: systemClock,
    ids: systemIds,
    release: built.version,
    nodeVersion: process.version,
    platform: platformName(),
    hostname,
    findAddress: async () => (await import('#agent/node/machine.ts')).findAddress(),
    isTerminal: (stream) => process[stream].isTTY,
    environment: process.env,
    executable: inside === undefined ? undefined : { path: inside.path, releaseKeys: built.keys, releaseUrl: built.url },
    describeStore: async (file, scratch) => (await import('#server/store/describe-store.ts')).describeStore(file, scratch),
    describeLedger: async (file, scratch) => (await import('#agent/ledger/describe-ledger.ts')).describeLedger(file, scratch),
    runServer: untilStopped(runServer, 'the server has ended'),
    runAgent: untilStopped<AgentFlags>(runAgent, 'the agent has ended; its containers go on running'),
    clearNode: (flags) =>
      held(async (signal) => (await import('#agent/clear-node.ts')).clearNode({ ...flags, ...atHand }, signal)),
    holdServer: async (dataDir) => (await import('#server/store/held-store.ts')).holdStore(dataDir),
    resetNode: (flags) =>
      held(async (signal) => (await import('#agent/reset-node.ts')).resetNode({ ...flags, ...atHand }, signal)),
    confirm: askAtTerminal,
  };
  const exitCode = await runProgram(process.argv.slice(2), context);
  process.exitCode ||= exitCode;
  await exit();
}

/** Once all is written. Left to itself, Node takes its own time: it waits for kept connections to close and takes its heap apart. */
async function exit(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done));
  // By then a failure of either is told (watchOutput).
  setImmediate(() => process.exit());
}

/** What a command that works on the node itself is lent. */
const atHand = {
  clock: systemClock,
  ids: systemIds,
  tell: (text: string) => void process.stderr.write(`${text}\n`),
};
/** Timers alone keep no process alive. SIGINT ends such work as it ends any command: it can be made again. */
async function held<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const release = holdProcess();
  try {
    return await work(new AbortController().signal);
  } finally {
    release();
  }
}

async function askAtTerminal(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** What ps and systemctl call it; Node says `MainThread`. Not process.title: it is written over the arguments, by which `launch` knows this process. */
function nameProcess(): void {
  try {
    writeFileSync('/proc/self/comm', 'skerry');
  } catch {
    // A /proc that is not writable: nothing depends on the name.
  }
}

/** Whoever reads may go away at any time, as `head` does: that is no news, and ends no server. An output that is lost otherwise is a failure. */
function watchOutput(): void {
  process.stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') return;
    process.stderr.write(`skerry: write the output: ${error.message}\n`);
    process.exitCode = 1;
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
}

function write(chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) =>
      error == null ? resolve() : reject(new SkerryError('OutputClosed', 'write the output', { cause: error })),
    );
  });
}

/** Of what is piped in. */
const STDIN_BYTES_MAX = 64 * 1024 * 1024;

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    // Sound: without an encoding set, a stream of bytes gives buffers.
    chunks.push(chunk as Buffer);
    bytes += chunk.length;
    if (bytes > STDIN_BYTES_MAX)
      throw new SkerryError('Usage', `read standard input: it is longer than ${STDIN_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function runServer(flags: ServerFlags, log: Log, signal: AbortSignal): Promise<void> {
  const { startServer } = await import('#server/server.ts');
  const machine = await import('#agent/node/machine.ts');
  const service = await serviceOf('server', flags.dataDir, flags.agent ? 2 : 1, log);
  const server = await startServer({
    ...flags,
    release: builtRelease().version,
    clock: systemClock,
    ids: systemIds,
    log,
    spawnWorker,
    hostname: hostname(),
    network: networkAsked(flags),
    // As a node it could not join itself from any of them; others could not reach it on its LAN.
    ownNetworks: flags.agent ? machine.localNetworks() : machine.lanNetworks(),
    findAddress: async () => flags.nodeIp ?? machine.findAddress(),
    onTrial: service.onTrial,
  });
  try {
    service.add({ alive: server.alive, unhealthy: server.unready, has: () => [] });
    if (!flags.agent) await stopped(signal);
    else await runOwnAgent(flags, server, service, log, signal);
  } finally {
    await service.stop();
    await server.stop();
  }
}

function networkAsked({ clusterCidr, serviceCidr, clusterDomain }: ServerFlags): ServerOptions['network'] {
  return {
    ...(clusterCidr === undefined ? {} : { clusterCIDR: clusterCidr }),
    ...(serviceCidr === undefined ? {} : { serviceCIDR: serviceCidr }),
    ...(clusterDomain === undefined ? {} : { clusterDomain }),
  };
}

/** What this process owes to systemd and to the installation it is part of, if any. `partCount`: how many parts it will have. */
async function serviceOf(mode: Mode, dataDir: string, partCount: number, log: Log): Promise<Service> {
  const { openService } = await import('#install/service.ts');
  const { serviceManager } = await import('#lib/service-manager.ts');
  const { installedSlot } = await import('#install/slots.ts');
  const path = runningExecutable()?.path;
  const installed = path === undefined ? undefined : installedSlot(path);
  const manager = serviceManager(process.env, process.pid, log);
  return openService({ mode, installed, manager, dataDir, partCount, clock: systemClock, log });
}

/** A person at a terminal reads text, everything else JSON; NO_COLOR: https://no-color.org. */
function logForm(): LogForm {
  if (!process.stderr.isTTY) return isJournal(process.env['JOURNAL_STREAM'], 2) ? 'journal' : 'json';
  return (process.env['NO_COLOR'] ?? '') === '' ? 'coloured' : 'text';
}

/** The agent of the server's own node: it joins with a token of its own and speaks only over the link, as any other. */
async function runOwnAgent(
  flags: ServerFlags,
  server: Pick<Server, 'url' | 'ownNode'>,
  service: Service,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await runAgentIn(
    service,
    {
      ...flags,
      server: server.url,
      token: server.ownNode.token,
      keepaliveMs: OWN_KEEPALIVE_MS,
      labels: { ...flags.labels, ...server.ownNode.labels },
    },
    log,
    signal,
  );
}

const OWN_KEEPALIVE_MS = 30_000;

async function runAgent(flags: AgentFlags, log: Log, signal: AbortSignal): Promise<void> {
  const service = await serviceOf('agent', flags.dataDir, 1, log);
  try {
    await runAgentIn(service, flags, log, signal);
  } finally {
    await service.stop();
  }
}

async function runAgentIn(
  service: Service,
  flags: Omit<AgentFlags, 'token' | 'logLevel'> & Pick<AgentOptions, 'token'>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { startAgent } = await import('#agent/agent.ts');
  const { agentPart } = await import('#install/service-parts.ts');
  const agent = await startAgent(
    {
      ...flags,
      hostname: hostname(),
      release: builtRelease().version,
      clock: systemClock,
      ids: systemIds,
      log,
      onTrial: service.onTrial,
      isInstalled: service.isInstalled,
      onWaiting: service.waiting,
      onLink: service.look,
    },
    signal,
  );
  try {
    service.add(agentPart(agent));
    await stopped(signal);
  } finally {
    await service.stop();
    await agent.stop();
  }
}

/** The program's other file (worker.ts), as a thread. */
function spawnWorker(role: WorkerRole, data: unknown): Worker {
  // Loading it takes 3 ms, which a command without threads has no use for.
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const options = { workerData: { role, data }, name: role };
  const inside = runningExecutable();
  if (inside === undefined) return new Worker(join(dirname(process.argv[1] ?? ''), 'worker.ts'), options);
  return new Worker(`globalThis.skerryScript = 'worker';${inside.asset('loader.cjs')}`, { ...options, eval: true });
}

/** What was put into the executable when it was built. */
function builtRelease(): { readonly version: string; readonly keys: readonly string[]; readonly url?: string } {
  const inside = runningExecutable();
  if (inside === undefined) return { version: manifest.version, keys: [] };
  // Sound: build/executable writes just this.
  return JSON.parse(inside.asset('release.json')) as ReturnType<typeof builtRelease>;
}

/** Runs a mode with a signal that SIGINT and SIGTERM abort, and tells its end in the log; a second signal ends the process at once. */
function untilStopped<F extends ServiceFlags>(
  mode: (flags: F, log: Log, signal: AbortSignal) => Promise<void>,
  ending: string,
): (flags: F) => Promise<void> {
  return async (flags) => {
    const stop = new AbortController();
    const onSignal = () => (stop.signal.aborted ? process.exit(1) : stop.abort());
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    const release = holdProcess();
    const { rootLog } = await import('#lib/log.ts');
    const form = logForm();
    const log = rootLog(flags.logLevel, form, flags.logFile);
    for (const problem of flags.unknownKeys) log.warn({ problem }, UNKNOWN_KEY);
    try {
      await mode(flags, log, stop.signal);
    } catch (error) {
      // Told to stop while it was still starting: a normal end.
      if (!stop.signal.aborted || !hasCode(error, 'Aborted')) {
        // What is thrown is told on stderr in one line, at no priority; whoever keeps a log looks there for why a service ended.
        if (form === 'journal' || flags.logFile !== undefined) log.error({ err: error }, 'it can not go on');
        throw error;
      }
    } finally {
      release();
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
    log.info(ending);
  };
}

const UNKNOWN_KEY = 'a key of the configuration is unknown and not used: see skerry config check';

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
