import { Command } from 'commander';
import type { Context } from './context.ts';

export function versionCommand(context: Context): Command {
  return new Command('version')
    .description('Print the version.')
    .addHelpText('after', '\nExample:\n  skerry version')
    .action(() => context.stdout(`skerry ${context.release}\n`));
}
