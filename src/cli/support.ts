import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import { parsedJson } from '#lib/json-field.ts';
import type { Context } from './context.ts';
import { askedOf, machineOptions, type MachineFlags } from './machine-options.ts';
import { progressLine } from './progress-line.ts';

type Flags = MachineFlags & { readonly output?: string };

export function supportCommand(context: Context): Command {
  const command = new Command('support').description(
    'Pack logs, the doctor and the state of this machine into one file for somebody who helps; secrets are left out.',
  );
  for (const option of machineOptions()) command.addOption(option);
  return command
    .option('--output <file>', 'the file to write (default: skerry-support-NODE-TIME.tar.gz in this folder)')
    .addHelpText(
      'after',
      `
Examples:
  skerry support                                           # as root it sees everything
  skerry support --output /media/stick/board-7.tar.gz

It holds no keys, no tokens, no data of Secrets and ConfigMaps and no values of environment variables. Names of nodes, pods and
images, addresses, and what programs said of their errors are in it: look through it before you give it away (tar xzf).`,
    )
    .action((flags: Flags) => runSupport(context, flags));
}

async function runSupport(context: Context, { output, ...flags }: Flags): Promise<void> {
  const { packSupport, supportName } = await import('#doctor/support/support.ts');
  const { nodeNameIn } = await import('#doctor/support/parts.ts');
  const { systemOutside } = await import('#doctor/outside/system-outside.ts');
  const { release, nodeVersion, platform, describeStore, describeLedger } = context;
  const name = supportName(nodeNameIn(identityIn(flags.dataDir), context.hostname()), context.clock.now());
  const file = resolve(output ?? `${name}.tar.gz`);
  mustBeWritable(file);
  const scratch = join(flags.dataDir, SCRATCH);
  const progress = progressLine(context);
  try {
    const scene = {
      outside: systemOutside(context),
      asked: askedOf(flags),
      version: { release, nodeVersion, platform, time: new Date(context.clock.now()).toISOString() },
      describeStore,
      describeLedger,
      scratch: () => makeScratch(scratch),
    };
    const packed = await packSupport(scene, name, (part) => progress.show(`gathering ${part}`), new AbortController().signal);
    progress.clear();
    writeNew(file, packed.archive);
    const width = Math.max(...packed.contents.map((part) => part.file.length));
    for (const part of packed.contents) context.stdout(`  ${part.file.padEnd(width)}  ${part.about}\n`);
    for (const line of packed.errors) context.stderr(`skerry: left out: ${line}\n`);
    context.stdout(
      `Keys, tokens, data of Secrets and ConfigMaps and values of environment variables are left out.\nWritten to ${file}\n`,
    );
  } finally {
    progress.clear();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Undefined where it can not be read: the file is named after the machine then. */
function identityIn(dataDir: string): unknown {
  try {
    return parsedJson(readFileIfThere(join(dataDir, 'agent', 'identity.json')) ?? '');
  } catch {
    return undefined;
  }
}

/** Before all the work. */
function mustBeWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (cause) {
    throw new SkerryError('DiskError', `write ${file}`, { cause });
  }
}

/** Beside what is copied, never beside the file: that may be on a stick, which is given away and keeps what is deleted. */
const SCRATCH = '.support';

/** Anew: an earlier run may have been cut off. */
function makeScratch(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Never over a file that is there, nor through a link that somebody put there; whole or not at all. */
function writeNew(file: string, bytes: Uint8Array): void {
  let isOurs = false;
  try {
    const handle = openSync(file, 'wx', 0o600);
    isOurs = true;
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    if (isOurs) rmSync(file, { force: true });
    throw new SkerryError('DiskError', `write ${file}`, { cause });
  }
}
