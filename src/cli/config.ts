import { Command, Option } from 'commander';
import { lookAtConfig } from '#install/config/check-config.ts';
import { SkerryError } from '#lib/error.ts';
import { configKeys } from './config-keys.ts';
import { configPlace } from './configure.ts';
import { CONFIG_FILE, type Context } from './context.ts';

export function configCommand(context: Context): Command {
  return new Command('config')
    .description('The file of settings of this machine.')
    .addHelpText('after', '\nExample:\n  skerry config check')
    .addCommand(checkCommand(context));
}

type CheckFlags = { readonly config?: string; readonly output?: 'json' | 'yaml' };

function checkCommand(context: Context): Command {
  return new Command('check')
    .description('Look the settings over, in the file and in the SKERRY_* variables, without starting anything.')
    .option('--config <file>', `the file to look at (default: "${CONFIG_FILE}", or what SKERRY_CONFIG names)`)
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  skerry config check
  skerry config check --config ./config.yaml -o json

Keys are the long flags of \`skerry server\` and \`skerry agent\` without their dashes, those of both in one file; lists and maps
may be written as such. Ends with 0 where nothing is wrong, with 2 where something is. A server or an agent does not start with a
wrong value; a key that nobody knows it only tells of, in its log and as condition ConfigOK of its node.`,
    )
    .action(async ({ config: named, output }: CheckFlags) => {
      const { environment } = context;
      const found = await lookAtConfig(configPlace(named, environment), configKeys(context), environment);
      const problems = found.problems.map(({ reason, key, message }) => ({ reason, key, message }));
      if (output === 'json') context.stdout(`${JSON.stringify(problems, null, 2)}\n`);
      else if (output === 'yaml') context.stdout((await import('#api/encoding/yaml.ts')).stringifyYaml(problems));
      else for (const { message } of problems) context.stdout(`${message}\n`);
      const { length } = problems;
      if (length > 0)
        throw new SkerryError('BadConfig', `check the settings: ${length === 1 ? 'one is' : `${length} are`} wrong`);
      if (output === undefined)
        context.stdout(`${found.path}: ${found.file !== undefined ? 'nothing is wrong' : 'not there, so the defaults hold'}\n`);
    });
}
