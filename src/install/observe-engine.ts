import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataRootOf, settingsFileOf, withLiveRestore } from './engine-settings.ts';
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

/** `coming`: it is about to be installed. `ours`: we are to run pods on it; else its settings are no business of ours. */
export async function observeEngine(
  root: string,
  { there, coming, ours }: { readonly there: boolean; readonly coming: boolean; readonly ours: boolean },
  run: RunProgram,
  signal: AbortSignal,
): Promise<Seen['engine']> {
  const pid = root === '/' && there ? daemonPid() : undefined;
  const commandLines = [
    ...FLAG_FILES.map((file) => textOf(join(root, file))),
    ...(root === '/' ? [await unitFiles(run, signal)] : UNIT_FILES.map((file) => textOf(join(root, file)))),
  ].map(withoutComments);
  const lines = [...(pid === undefined ? [] : [textOf(`/proc/${pid}/cmdline`)]), ...commandLines];
  const path = settingsFileOf(lines);
  const file = join(root, path);
  const text = existsSync(file) ? textOf(file) : undefined;
  const swarm = existsSync(join(root, dataRootOf(text), 'swarm/docker-state.json'));
  const isAsked = ours && (there || coming);
  const decision = isAsked ? withLiveRestore({ text, commandLines: lines, swarm }) : ({ type: 'keep' } as const);
  return { path, file, text, there: there || coming, decision, mayRun: pid !== undefined || coming };
}

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
