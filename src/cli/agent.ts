import { Command, Option } from 'commander';
import { DATA_DIR, type AgentFlags, type Context } from './context.ts';
import {
  capacity,
  folder,
  httpsUrl,
  ipAddress,
  keepalive,
  labels,
  logLevel,
  nodeName,
  parsedOption,
  unixSocket,
} from './flags.ts';

export function agentCommand(context: Context): Command {
  return new Command('agent')
    .description('Run the agent of this node: it joins a server once, then runs pods with or without it.')
    .option('--server <url>', 'the server to join', httpsUrl)
    .option('--token <token>', 'a join token from `skerry token create`; needed once')
    .option('--data-dir <dir>', 'where all state is kept', folder, DATA_DIR)
    .option(
      '--node-name <name>',
      `name of the node, for its first start (default: "${context.hostname().toLowerCase()}")`,
      nodeName,
    )
    .addOption(parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'))
    .addOption(
      parsedOption('--keepalive <duration>', 'how often an idle link is probed; 240s suits a metered one', keepalive, '30s'),
    )
    .option('--node-ip <address>', 'the address that the node reports (default: that of the default route)', ipAddress)
    .addOption(new Option('--labels <k=v,…>', 'labels of the node').argParser(labels).default({}, 'none'))
    .addOption(
      new Option('--capacity <k=v,…>', 'caps what the node offers: cpu, memory, ephemeral-storage, pods')
        .argParser(capacity)
        .default({}, 'what the machine has'),
    )
    .option('--log-level <level>', 'debug, info, warn, error or silent', logLevel, 'info')
    .addHelpText(
      'after',
      `
Examples:
  skerry agent --server https://10.0.0.1:6443 --token skr1.…
  skerry agent --server https://10.0.0.1:6443 --token skr1.… --labels site=harbour --capacity cpu=2,memory=512Mi --keepalive 240s
  skerry agent                                        # once joined, neither token nor network is needed`,
    )
    .action(({ keepalive: keepaliveMs, ...flags }: Omit<AgentFlags, 'keepaliveMs'> & { readonly keepalive: number }) =>
      context.runAgent({ ...flags, keepaliveMs }),
    );
}
