import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';
import { amount } from './flags.ts';
import { connect, withServerFlags, type ServerVerbFlags } from './server-flags.ts';

export type GetFlags = ServerVerbFlags & {
  readonly allNamespaces?: true;
  readonly output?: 'json' | 'yaml' | 'name' | 'wide';
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly watch?: true;
  readonly watchOnly?: true;
  readonly outputWatchEvents?: true;
  /** Commander's form of --no-headers. */
  readonly headers: boolean;
  readonly showLabels?: true;
  readonly labelColumns?: readonly string[];
  readonly showKind?: true;
  readonly showManagedFields?: true;
  readonly ignoreNotFound?: true;
  readonly chunkSize: number;
  readonly sortBy?: string;
};

export function getCommand(context: Context): Command {
  return withServerFlags(new Command('get'))
    .description('Show objects, as kubectl does.')
    .argument('[what...]', 'pods, po, deploy,po, pods web-1 web-2, deployments.apps/web, all')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml', 'name', 'wide']))
    .option('-l, --selector <labels>', 'only what has these labels: app=web,tier!=front')
    .option('--field-selector <fields>', 'only what has these fields: status.phase=Running')
    .option('-w, --watch', 'go on showing what changes')
    .option('--watch-only', 'show only what changes')
    .option('--output-watch-events', 'with what happened to each')
    .option('--no-headers', 'no line of column names')
    .option('--show-labels', 'with all labels')
    .option('-L, --label-columns <labels>', 'with these labels, a column each', list)
    .option('--show-kind', 'with the kind in front of each name')
    .option('--show-managed-fields', 'with managedFields, in -o json and yaml')
    .option('--ignore-not-found', 'what is not there is no error')
    .option('--sort-by <path>', 'in the order of a field: .metadata.creationTimestamp')
    .option('--chunk-size <n>', 'how many to ask for at once; 0: all', amount, 500)
    .addHelpText(
      'after',
      `
Examples:
  skerry get nodes
  skerry get pods -A -o wide -w
  skerry get deploy,po -l app=web --show-labels
  skerry get pod web-1 -o yaml`,
    )
    .action(async (words: readonly string[], flags: GetFlags) => {
      const { parseArguments } = await import('./client/resource-arguments.ts');
      const asked = parseArguments(words);
      if (asked === undefined) throw new SkerryError('Usage', 'name what to get, like pods');
      const { runGet } = await import('./get/run-get.ts');
      await runGet(asked, flags, context, await connect(context, flags));
    });
}

function list(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').filter((part) => part !== '')];
}
