import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { EngineReply } from './engine-get.ts';
import { dataRootsOf, isInSwarm, settingsFileOf, withLiveRestore } from './engine-settings.ts';
import type { Seen } from './plan.ts';
import type { RunProgram } from './run-program.ts';

/** How a Docker engine is set up, by its files and its process: it may not be running, nor be there yet. */
const UNIT_MS_MAX = 10_000;
/** Where distributions keep the flags of its service. */
const FLAG_FILES = ['etc/default/docker', 'etc/sysconfig/docker', 'etc/conf.d/docker'];
const UNIT_FILES = [
  'etc/systemd/system/docker.service',
  'usr/lib/systemd/system/docker.service',
  'lib/systemd/system/docker.service',
];

export type EngineTools = {
  readonly run: RunProgram;
  /** The one that this machine's own service manages. */
  readonly askEngine: (path: string) => Promise<EngineReply>;
};

/** `asked`: for the engine itself. `coming`: it is about to be installed. `ours`: we are to run pods on it; else its settings are no business of ours. */
export async function observeEngine(
  root: string,
  { there, asked, coming, ours }: Readonly<Record<'there' | 'asked' | 'coming' | 'ours', boolean>>,
  { run, askEngine }: EngineTools,
  signal: AbortSignal,
): Promise<Seen['engine']> {
  const pid = root === '/' && there ? daemonPid() : undefined;
  const commandLines = [
    ...FLAG_FILES.map((file) => textOf(join(root, file))),
    ...(root === '/' ? [await unitFiles(run, signal)] : UNIT_FILES.map((file) => textOf(join(root, file)))),
  ].map(withoutComments);
  const lines = [...(pid === undefined ? [] : [textOf(`/proc/${pid}/cmdline`)]), ...commandLines];
  const path = settingsFileOf(lines);
  const file = throughLinks(join(root, path), root);
  const text = existsSync(file) ? textOf(file) : undefined;
  const isAsked = ours && (there || coming);
  const known = dataRootsOf(text, lines).some((folder) => existsSync(join(root, folder, 'swarm/docker-state.json')));
  const swarm = known || (isAsked && pid !== undefined && (await runsInSwarm(askEngine)));
  const decision = isAsked ? withLiveRestore({ text, commandLines: lines, swarm }) : ({ type: 'keep' } as const);
  const isAwaited = asked && (coming || (there && (await askEngine('/version')).type !== 'answer'));
  return { path, file, text, there: there || coming, decision, isAwaited, mayRun: pid !== undefined || coming };
}

async function runsInSwarm(askEngine: EngineTools['askEngine']): Promise<boolean> {
  const reply = await askEngine('/info');
  return reply.type === 'answer' && isInSwarm(reply.value);
}

/** The file that a symbolic link stands for, there or not: what is written in its place would take the link's. */
export function throughLinks(file: string, root: string): string {
  let found = file;
  for (let hops = 0; hops < LINKS_MAX && lstatSync(found, { throwIfNoEntry: false })?.isSymbolicLink() === true; hops += 1) {
    const target = readlinkSync(found);
    found = isAbsolute(target) ? join(root, target) : resolve(dirname(found), target);
  }
  return found;
}

/** As the kernel follows, and no more. */
const LINKS_MAX = 40;

/** Of the daemon that this system runs; another one, in a container of its own, is none of ours. */
export function daemonPid(): number | undefined {
  const pid = Number(textOf('/run/docker.pid') || textOf('/var/run/docker.pid'));
  return pid > 0 && textOf(`/proc/${pid}/comm`).trim() === 'dockerd' ? pid : undefined;
}

async function unitFiles(run: RunProgram, signal: AbortSignal): Promise<string> {
  const ran = await run(['systemctl', 'cat', 'docker.service'], UNIT_MS_MAX, signal);
  return ran.type === 'ended' && ran.code === 0 ? ran.stdout : '';
}

function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*[#;]/.test(line))
    .join('\n');
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not there, or gone in this moment: it says nothing.
    return '';
  }
}
