import { Command, Option } from 'commander';
import { DEFAULT_NETWORK, NODE_PREFIX } from '#api/cluster-network.ts';
import type { Context, ServerFlags } from './context.ts';
import { clusterCidr, clusterDomain, hostPort, parsedOption, serviceCidr, tlsSans } from './flags.ts';
import { SETTINGS_HELP, nodeOptions, serviceOptions } from './node-options.ts';

export function serverCommand(context: Context): Command {
  const command = new Command('server')
    .description('Run the server: the Kubernetes API, the scheduler and the link to the nodes, and an agent for its own node.')
    .addOption(parsedOption('--listen <host:port>', 'address of the one port', hostPort, '0.0.0.0:6443'))
    .addOption(
      new Option(
        '--tls-san <name,…>',
        "more names and addresses for the server's certificate, which has its host name, its addresses and kubernetes.default.svc",
      )
        .argParser(tlsSans)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--cluster-cidr <network>',
        `the range of pods' addresses, of which each node gets a /${NODE_PREFIX}; fixed at the first start (default: "${DEFAULT_NETWORK.clusterCIDR}")`,
      ).argParser(clusterCidr),
    )
    .addOption(
      new Option(
        '--service-cidr <network>',
        `the range of services' addresses; fixed at the first start (default: "${DEFAULT_NETWORK.serviceCIDR}")`,
      ).argParser(serviceCidr),
    )
    .addOption(
      new Option(
        '--cluster-domain <name>',
        `the domain of services' names; fixed at the first start (default: "${DEFAULT_NETWORK.clusterDomain}")`,
      ).argParser(clusterDomain),
    )
    .option('--no-agent', 'do not run an agent on the own node');
  for (const option of [...serviceOptions(), ...nodeOptions(context)]) command.addOption(option);
  return command
    .addHelpText(
      'after',
      `
Examples:
  skerry server
  skerry server --tls-san api.example.com,203.0.113.7 --labels site=harbour
  skerry server --no-agent --data-dir ./data --listen 127.0.0.1:6443
  kubectl --kubeconfig ./data/admin.kubeconfig get nodes

Ready when GET /readyz answers 200. At first start it makes its certificates, an admin kubeconfig and a recovery key in the
data directory: move recovery.key to a safe place off this machine.
${SETTINGS_HELP}`,
    )
    .action((flags: ServerFlags) => context.runServer(flags));
}
