import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';
import { texts } from './flags.ts';
import { connect, withServerFlags, type ServerVerbFlags } from './server-flags.ts';

export type CreateFlags = ServerVerbFlags & {
  readonly filename?: readonly string[];
  readonly recursive?: true;
  readonly dryRun: 'none' | 'server' | 'client';
  readonly validate: string;
  readonly output?: 'json' | 'yaml' | 'name';
  readonly showManagedFields?: true;
};

export function createCommand(context: Context): Command {
  return withServerFlags(new Command('create'))
    .description('Create objects from files, as kubectl create -f does.')
    .option('-f, --filename <file>', 'a file, a folder, or - for standard input; may be given again', texts)
    .option('-R, --recursive', 'folders with what is below them')
    .addOption(
      new Option('--dry-run [how]', 'server: everything but keeping it; client: nothing is sent')
        .choices(['none', 'server', 'client'])
        .default('none')
        .preset('client'),
    )
    .addOption(
      new Option('--validate [how]', 'what is done about fields that nobody knows')
        .choices(['strict', 'warn', 'ignore', 'true', 'false'])
        .default('strict')
        .preset('strict'),
    )
    .addOption(new Option('-o, --output <format>', 'print what was made').choices(['json', 'yaml', 'name']))
    .option('--show-managed-fields', 'with managedFields, in -o json and yaml')
    .addHelpText(
      'after',
      `
Examples:
  skerry create -f web.yaml
  skerry create -f manifests/ -R -n harbour
  curl -sfL https://example.com/web.yaml | skerry create -f - --dry-run=server`,
    )
    .action(async (flags: CreateFlags) => {
      if (flags.filename === undefined) throw new SkerryError('Usage', 'name what to create with -f');
      const { runCreate } = await import('./manifests/run-create.ts');
      await runCreate(flags.filename, flags, context, await connect(context, flags));
    });
}
