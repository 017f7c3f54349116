import { Command, Option } from 'commander';
import type { AgentFlags, Context } from './context.ts';
import { file, httpsUrl, keepalive, parsedOption } from './flags.ts';
import { isStronger } from './option-source.ts';
import { SETTINGS_HELP, nodeOptions, proxyOption, serviceOptions } from './node-options.ts';

export function agentCommand(context: Context): Command {
  const command = new Command('agent')
    .description('Run the agent of this node: it joins a server once, then runs pods with or without it.')
    .option('--server <url>', 'the server to join', httpsUrl)
    .addOption(
      new Option(
        '--token-file <file>',
        'a file with a join token from `skerry token create`, needed once: it is deleted after the join',
      ).argParser(file),
    )
    .addOption(new Option('--token <token>', 'the token itself, for use by hand').conflicts('tokenFile'))
    .addOption(proxyOption())
    .addOption(
      parsedOption('--keepalive <duration>', 'how often an idle link is probed; 240s suits a metered one', keepalive, '30s'),
    );
  for (const option of [...serviceOptions(), ...nodeOptions(context)]) command.addOption(option);
  return command
    .addHelpText(
      'after',
      `
Examples:
  skerry agent --server https://10.0.0.1:6443 --token skr1.…
  skerry agent --server https://10.0.0.1:6443 --token-file /etc/skerry/token --labels site=harbour --keepalive 240s
  skerry agent --server https://hub.example:443 --token-file /etc/skerry/token --proxy http://10.0.0.2:3128
  skerry agent                                        # once joined, neither token nor network is needed
${SETTINGS_HELP}`,
    )
    .action((given: GivenFlags, self: Command) => {
      const { keepalive: keepaliveMs, token, tokenFile, ...flags } = given;
      const byHand = token !== undefined && isStronger(self, 'token', 'tokenFile');
      const voucher = byHand ? { token } : tokenFile === undefined ? {} : { tokenFile };
      return context.runAgent({ ...flags, ...voucher, keepaliveMs });
    });
}

type GivenFlags = Omit<AgentFlags, 'keepaliveMs'> & { readonly keepalive: number };
