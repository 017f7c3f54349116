import { Command } from 'commander';
import { DATA_DIR, type Context, type ServerFlags } from './context.ts';
import { folder, hostPort, logLevel, parsedOption } from './flags.ts';

export function serverCommand(context: Context): Command {
  return new Command('server')
    .description('Run the server: the Kubernetes API, the scheduler and the link to the nodes, and an agent for its own node.')
    .option('--data-dir <dir>', 'where all state is kept', folder, DATA_DIR)
    .addOption(parsedOption('--listen <host:port>', 'address of the one port', hostPort, '0.0.0.0:6443'))
    .option('--no-agent', 'do not run an agent on the own node')
    .option('--log-level <level>', 'debug, info, warn, error or silent', logLevel, 'info')
    .addHelpText(
      'after',
      `
Examples:
  skerry server
  skerry server --no-agent --data-dir ./data --listen 127.0.0.1:6443
  kubectl --kubeconfig ./data/admin.kubeconfig get nodes

Ready when GET /readyz answers 200. At first start it makes its certificates, an admin kubeconfig and a recovery key in the
data directory: move recovery.key to a safe place off this machine.`,
    )
    .action((flags: ServerFlags) => context.runServer(flags));
}
