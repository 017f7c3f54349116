import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';
import { duration, seconds, texts } from './flags.ts';
import { connect, withServerFlags, type ServerVerbFlags } from './server-flags.ts';

export type DeleteFlags = ServerVerbFlags & {
  readonly filename?: readonly string[];
  readonly recursive?: true;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly all?: true;
  readonly allNamespaces?: true;
  readonly gracePeriod: number;
  readonly now?: true;
  readonly force?: true;
  readonly cascade: 'background' | 'orphan' | 'foreground';
  readonly wait: string | boolean;
  /** Milliseconds; 0: as long as it takes. */
  readonly timeout: number;
  readonly ignoreNotFound?: true;
  readonly dryRun: 'none' | 'server' | 'client';
  readonly output?: 'name';
};

export function deleteCommand(context: Context): Command {
  return withServerFlags(new Command('delete'))
    .description('Delete objects, as kubectl does, and wait until they are gone.')
    .argument('[what...]', 'pods web-1, pod/web-1 svc/web, or a type with -l or --all')
    .option('-f, --filename <file>', 'what a file, a folder, or - for standard input names; may be given again', texts)
    .option('-R, --recursive', 'folders with what is below them')
    .option('-l, --selector <labels>', 'all that has these labels: app=web,tier!=front')
    .option('--field-selector <fields>', 'all that has these fields: status.phase=Failed')
    .option('--all', 'all of the type in the namespace')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(
      new Option('--grace-period <seconds>', 'how long it may take to end; negative: what it says itself')
        .argParser(seconds)
        .default(-1),
    )
    .option('--now', 'with a grace period of 1 second')
    .option('--force', 'forget it at once, without waiting for its end')
    .addOption(
      new Option('--cascade [how]', 'what becomes of what belongs to it')
        .choices(['background', 'orphan', 'foreground'])
        .default('background')
        .preset('background'),
    )
    .addOption(new Option('--wait [yes]', 'wait until it is gone').choices(['true', 'false']).default('true').preset('true'))
    .addOption(
      new Option('--timeout <duration>', 'how long to wait; 0s: as long as it takes').argParser(timeout).default(0, '0s'),
    )
    .option('--ignore-not-found', 'what is not there is no error')
    .addOption(
      new Option('--dry-run [how]', 'server: everything but doing it; client: nothing is sent')
        .choices(['none', 'server', 'client'])
        .default('none')
        .preset('client'),
    )
    .addOption(new Option('-o, --output <format>', 'print names alone').choices(['name']))
    .addHelpText(
      'after',
      `
Examples:
  skerry delete pods web-1
  skerry delete -f web.yaml --wait=false
  skerry delete pods -l app=web --now
  skerry delete pods --all -n harbour --timeout 2m`,
    )
    .action(async (words: readonly string[], flags: DeleteFlags) => {
      if (words.length === 0 && flags.filename === undefined)
        throw new SkerryError('Usage', 'name what to delete: a type and names, or files with -f');
      const { runDelete } = await import('./delete/run-delete.ts');
      await runDelete(words, flags, context, await connect(context, flags));
    });
}

function timeout(text: string): number {
  return text === '0' ? 0 : duration(text);
}
