import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LAUNCH_SCRIPT } from '#install/launch.ts';
import { layoutIn, type Layout } from '#install/layout.ts';
import { putSlot, setCurrent } from '#install/slots.ts';

/** An installed machine in a folder: real slots, the real `launch` run by real shells; the executables are small scripts that say who they are. */
export type SlotsWorld = {
  readonly layout: Layout;
  /** Where executables lie before they are in a slot: on the same file system. */
  readonly executable: (version: string, body?: string) => string;
  /** Runs `launch` until what it starts has ended. */
  readonly launch: (shell?: Shell, environment?: Readonly<Record<string, string>>) => Promise<Launched>;
  readonly launchInBackground: (shell: Shell) => ChildProcess;
  readonly remove: () => void;
};

export type Shell = readonly string[];
export const SHELLS: readonly Shell[] = [['dash'], ['busybox', 'sh']];
const DASH: Shell = ['dash'];

/** `version`: of what ran; undefined if nothing did. */
export type Launched = { readonly version: string | undefined; readonly errors: string; readonly code: number };

export function makeSlotsWorld(installed: readonly string[] = ['0.1.0']): SlotsWorld {
  const folder = mkdtempSync(join(tmpdir(), 'slots-'));
  const layout = layoutIn(folder);
  mkdirSync(dirname(layout.lib), { recursive: true });
  mkdirSync(join(folder, 'new'));
  const executable = (version: string, body = `echo "${version} $*"`) => {
    const file = join(folder, 'new', version);
    writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return file;
  };
  for (const version of installed) {
    putSlot(layout, executable(version), version);
    if (!existsSync(layout.current)) setCurrent(layout, version);
  }
  writeFileSync(layout.launch, LAUNCH_SCRIPT, { mode: 0o755 });
  return {
    layout,
    executable,
    launch: async ([program = 'sh', ...first] = DASH, environment = {}) => {
      // Into a file: the guard of a trial keeps a pipe open for longer than what it guards lives.
      const errorFile = join(folder, 'errors');
      const errors = openSync(errorFile, 'w');
      const child = spawn(program, [...first, layout.launch, 'server', '--flag'], {
        env: { PATH: process.env['PATH'], ...environment },
        stdio: ['ignore', 'pipe', errors],
      });
      let output = '';
      child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const [code] = await once(child, 'close');
      closeSync(errors);
      return { version: /^(\S+) server --flag$/m.exec(output)?.[1], errors: readFileSync(errorFile, 'utf8'), code: Number(code) };
    },
    launchInBackground: ([program = 'sh', ...first]) =>
      spawn(program, [...first, layout.launch, 'server', '--flag'], { stdio: ['ignore', 'pipe', 'pipe'] }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

export const thisBoot = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
export const secondsUp = (): number => Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]));
