import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseJoinToken } from '#api/join-token.ts';
import type { Clock } from '#lib/clock.ts';
import { readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import { parseProxy, type Proxy } from '#net/proxy/proxy.ts';
import { connectTls } from '#net/tls/dial.ts';
import type { ServerAddress } from '#net/tls/exchange.ts';
import { peerKeyHash } from '#net/tls/key-hash.ts';
import { joinedAs, refuseOtherMode } from './born-as.ts';
import { parseSwitch, type ConfigKey } from './config/config-key.ts';
import { mergeConfig, settingOf, withoutSettings, type GivenFlags } from './config/merge-config.ts';
import { engineGet } from './engine-get.ts';
import { checkImage, checkUnborn } from './image.ts';
import { LAUNCH_SCRIPT } from './launch.ts';
import { layoutIn, type Layout, type Mode } from './layout.ts';
import { takeLiveRestore } from './live-restore.ts';
import { isJoined, isProgramIn, observe } from './observe.ts';
import { daemonPid } from './observe-engine.ts';
import { ENGINE } from './packages.ts';
import { refuseOtherCluster } from './other-cluster.ts';
import { notesOf, planInstall, type Seen, type Wanted } from './plan.ts';
import type { RunProgram } from './run-program.ts';
import { createRunners, runSteps } from './runners.ts';
import { installedSlot, slotExecutable } from './slots.ts';
import { startEngine } from './start-engine.ts';
import { readDataDir } from './trial.ts';
import { otherMode, unitText } from './units.ts';
import { lockInstallation } from './upgrade/lock.ts';

/**
 * `skerry install`: looks, plans, does. What is wrong with what was asked for is told before anything is changed; whatever stops it half-way, it
 * can be run again. It decides nothing of an upgrade: a machine that has another version is left to `skerry upgrade`, which can go back.
 */
export type InstallRequest = {
  readonly mode: Mode;
  readonly version: string;
  /** The program that is to be installed: the one that runs. */
  readonly executable: string;
  /** The mode's flags as they were typed, without the token. */
  readonly flags: GivenFlags;
  readonly keys: readonly ConfigKey[];
  /** Where no flag and no file says so. */
  readonly dataDir: string;
  /** Path of the socket of the engine that this machine's own service manages. */
  readonly engineSocket: string;
  readonly token: string | undefined;
  readonly offline: string | undefined;
  readonly installEngine: boolean;
  readonly start: boolean;
  /** The folder of a system that is prepared, and does not run. */
  readonly image: string | undefined;
};

export type Installed = {
  /** False: all was there already. */
  readonly changed: boolean;
  readonly notes: readonly string[];
  readonly supervisor: Seen['supervisor'];
  readonly layout: Layout;
  readonly dataDir: string;
  /** What an agent is known as by now, and where; undefined: not yet. `before`: it was so already. */
  readonly joined: { readonly node: string; readonly server: string; readonly before: boolean } | undefined;
};

export type InstallTools = {
  readonly run: RunProgram;
  /** What is being done, for people who wait. */
  readonly tell: (text: string) => void;
  readonly clock: Clock;
};

/** Throws Usage, Forbidden (not root), InUse, Conflict (another version is here), and what its steps throw. */
export async function install(request: InstallRequest, tools: InstallTools, signal: AbortSignal): Promise<Installed> {
  if (process.getuid?.() !== 0) throw new SkerryError('Forbidden', 'install skerry: it needs root (sudo skerry install …)');
  const root = request.image === undefined ? '/' : checkImage(request.image, request.executable, request);
  const layout = layoutIn(root);
  const lock = await lockInstallation(layout);
  try {
    return await installIn(root, layout, request, tools, signal);
  } finally {
    lock.release();
  }
}

async function installIn(
  root: string,
  layout: Layout,
  request: InstallRequest,
  { run, tell, clock }: InstallTools,
  signal: AbortSignal,
): Promise<Installed> {
  const { mode, version, executable } = request;
  const { config, dataDir, dataDirBefore, token, runsPods, movesTo, proxy, dropped } = settle(request, root, layout);
  if (root !== '/') checkUnborn(root, dataDir);
  else {
    const dataDirs = [dataDir, dataDirBefore, readDataDir(layout, otherMode(mode)) ?? dataDir];
    refuseOtherMode({
      mode,
      layout,
      dataDirs,
      usualDataDir: request.dataDir,
      isInstalled: existsSync(layout.current),
      isInstalledOne: installedSlot(executable) !== undefined,
    });
    if (mode === 'agent') {
      const asked = { dataDir, usualDataDir: request.dataDir, server: movesTo, token: request.token };
      await refuseOtherCluster(asked, (server) => keyShownBy(server, proxy, clock, signal));
    }
  }

  const wanted: Wanted = {
    mode,
    version,
    executable: { path: executable, how: isDownload(layout, executable) ? 'move' : 'copy' },
    launch: LAUNCH_SCRIPT,
    config,
    units: { server: unitText('server', layoutIn('/').launch), agent: unitText('agent', layoutIn('/').launch) },
    token,
    start: request.start,
  };
  const askEngine = (path: string) => engineGet(request.engineSocket, path, clock, signal);
  const place = { root, layout, dataDir, runsPods, tokenPath: tokenPathIn(dataDir) };
  const seen = await observe({ ...request, ...place }, { run, askEngine }, signal);
  refuseOtherVersion(seen, request);

  const steps = planInstall(wanted, seen);
  const troubles: string[] = [];
  const note = (text: string) => void troubles.push(text);
  const rereadEngine = (file: string) => takeLiveRestore({ socket: request.engineSocket, file, pid: daemonPid() }, clock, signal);
  const start = () => startEngine({ socket: request.engineSocket, run }, clock, signal);
  const runners = createRunners({ layout, run, clock, rereadEngine, startEngine: start, note, tell }, signal);
  await runSteps(steps, runners, tell, signal);
  // Some package managers take all that a stick brings.
  const after = { ...seen, engine: { ...seen.engine, there: seen.engine.there || isProgramIn(root, ENGINE.program) } };
  const joined = mode === 'agent' ? joinedAs(root, dataDir) : undefined;
  const waits = steps.some((step) => step.do === 'start' && step.mode === 'agent') && !isJoined(root, dataDir);
  return {
    changed: steps.length > 0,
    notes: [
      ...(dropped.length === 0
        ? []
        : [`${dropped.join(' and ')}, of the node that this machine was, went out of ${layout.config}`]),
      ...notesOf(mode, after),
      ...troubles,
      ...(waits ? [NOT_JOINED] : []),
    ],
    supervisor: seen.supervisor,
    layout,
    dataDir,
    joined: joined === undefined ? undefined : { ...joined, before: seen.joined },
  };
}

const KEY_MS_MAX = 10_000;

/** Nothing is told to whoever answers. */
async function keyShownBy(
  server: ServerAddress,
  proxy: Proxy | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const socket = await connectTls({ ...server, proxy, alpn: 'http/1.1', timeoutMs: KEY_MS_MAX, clock }, signal);
  try {
    return peerKeyHash(socket);
  } finally {
    socket.destroy();
  }
}

/** By install.sh, which makes a folder of its own for each of its runs. */
function isDownload({ slots }: Layout, executable: string): boolean {
  const folder = dirname(executable);
  return dirname(folder) === slots && basename(folder).startsWith('.install.');
}

/** It is ready then, too: where the server comes up after it, nobody should have to start it again. */
const NOT_JOINED =
  'this node has not joined its server yet, and tries until it can; why stands in journalctl -u skerry-agent, and skerry doctor looks for it';

/** Where the agent finds its token at each start until it has joined; it deletes the file then. */
const tokenPathIn = (dataDir: string): string => join(dataDir, 'join-token');

function settle(
  { mode, flags, keys, dataDir: usual, token, image }: InstallRequest,
  root: string,
  layout: Layout,
): {
  readonly config: string;
  readonly dataDir: string;
  readonly dataDirBefore: string;
  readonly token: Wanted['token'];
  readonly runsPods: boolean;
  /** The server that is asked for, unless the settings have said it before. */
  readonly movesTo: string | undefined;
  /** By which it is reached; undefined: straight, whatever the environment of this installation says, which no service sees. */
  readonly proxy: Proxy | undefined;
  /** Settings that are there no more. */
  readonly dropped: readonly string[];
} {
  const path = layout.config;
  const there = readFileIfThere(path);
  const said = (text: string, name: string) => {
    const key = keys.find((other) => other.name === name);
    return key === undefined ? undefined : settingOf(path, text, key);
  };
  const saidBefore = (name: string) => (there === undefined ? undefined : said(there, name));
  const wasNode = mode === 'server' && saidBefore('token-file') === tokenPathIn(saidBefore('data-dir') ?? usual);
  const dropped = wasNode ? OF_A_JOIN.filter((name) => saidBefore(name) !== undefined) : [];
  const before = there === undefined ? undefined : withoutSettings(path, there, dropped);
  const first = mergeConfig(path, before, flags, keys);
  const dataDir = said(first, 'data-dir') ?? usual;
  const dataDirBefore = there === undefined ? dataDir : (saidBefore('data-dir') ?? usual);
  const tokenPath = tokenPathIn(dataDir);
  const config = token === undefined ? first : mergeConfig(path, before, { ...flags, 'token-file': tokenPath }, keys);
  if (mode === 'agent')
    checkCanJoin(
      image !== undefined || isJoined(root, dataDir),
      said(config, 'server'),
      tokenFile(token, said(config, 'token-file')),
    );
  const runsPods = mode === 'agent' || !parseSwitch(said(config, 'no-agent') ?? 'false');
  const asked = said(config, 'server');
  const proxy = said(config, 'proxy');
  const settled = {
    config,
    dataDir,
    dataDirBefore,
    runsPods,
    movesTo: asked === saidBefore('server') ? undefined : asked,
    proxy: proxy === undefined ? undefined : parseProxy(proxy, 'the settings'),
    dropped,
  };
  if (token === undefined) return { ...settled, token };
  parseJoinToken(token);
  const hash = createHash('sha256').update(token).digest('hex');
  return { ...settled, token: { path: join(root, tokenPath), text: `${token}\n`, hash } };
}

/** What `skerry install agent` has written down; a file that somebody wrote for both modes names another place for its token. */
const OF_A_JOIN = ['server', 'proxy', 'token-file'];

/** Undefined: neither is one given, nor is it where the settings name it, being used up by an earlier join. */
const tokenFile = (token: string | undefined, named: string | undefined): string | undefined =>
  token !== undefined || (named !== undefined && existsSync(named)) ? named : undefined;

/** A card may get its server and its token later; a machine that has neither would wait for ever. */
function checkCanJoin(later: boolean, server: string | undefined, tokenFile: string | undefined): void {
  const missing = [...(server === undefined ? ['--server URL'] : []), ...(tokenFile === undefined ? ['--token-file FILE'] : [])];
  if (later || missing.length === 0) return;
  throw new SkerryError(
    'Usage',
    `install the agent: to join a cluster it needs ${missing.join(' and ')} (make a token with \`skerry token create\` on the server)`,
  );
}

function refuseOtherVersion({ current, layout, supervisor }: Seen, { version }: InstallRequest): void {
  if (current === undefined || current === version) return;
  const other = `install ${version}: ${current} is installed here (${slotExecutable(layout, current)})`;
  throw new SkerryError(
    'Conflict',
    supervisor === 'image'
      ? `${other}; prepare a card that is new, or this one with the skerry of that version, and have its machine run \`skerry upgrade\``
      : `${other}; take the new one with \`skerry upgrade --from FOLDER|URL\` of its release, which goes back if it does not work`,
  );
}
