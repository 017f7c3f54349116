import { Command, Option } from 'commander';
import { KUBERNETES } from '#api/kubernetes-version.ts';
import type { Context } from './context.ts';

export function versionCommand(context: Context): Command {
  return new Command('version')
    .description('Print the version: for machines also of the Kubernetes API that is served and of what the program runs on.')
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml']))
    .addHelpText('after', '\nExamples:\n  skerry version\n  skerry version -o json')
    .action(async ({ output }: { readonly output?: 'json' | 'yaml' }) => {
      const { release, nodeVersion, platform } = context;
      const facts = { release, kubernetesVersion: KUBERNETES.gitVersion, nodeVersion, platform };
      if (output === 'json') context.stdout(`${JSON.stringify(facts, null, 2)}\n`);
      else if (output === 'yaml') context.stdout((await import('#api/encoding/yaml.ts')).stringifyYaml(facts));
      else context.stdout(versionLine(release));
    });
}

export function versionLine(release: string): string {
  return `skerry ${release}\n`;
}
