import { Command, CommanderError } from 'commander';
import type { Context } from './context.ts';
import { agentCommand } from './agent.ts';
import { configCommand } from './config.ts';
import { configure } from './configure.ts';
import { confirmCommand } from './confirm.ts';
import { doctorCommand } from './doctor.ts';
import { getCommand } from './get.ts';
import { USAGE_EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { kubeconfigCommand } from './kubeconfig.ts';
import { remedy } from './remedy.ts';
import { resetCommand } from './reset.ts';
import { serverCommand } from './server.ts';
import { supportCommand } from './support.ts';
import { tokenCommand } from './token.ts';
import { upgradeCommand } from './upgrade.ts';
import { versionCommand, versionLine } from './version.ts';
import { hasCode } from '#lib/error.ts';
import { failureText } from './failure-text.ts';

/** Runs the command line and gives the exit code; never throws and never exits by itself. */
export async function runProgram(argv: readonly string[], context: Context): Promise<number> {
  try {
    await program(context).parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has already printed its own message, help among them.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    // As `head` does: whoever reads has read enough.
    if (hasCode(error, 'OutputClosed')) return 0;
    const exitCode = exitCodeOf(error);
    const hint = exitCode === USAGE_EXIT_CODE ? TRY_HELP : remedy(error);
    context.stderr(`${failureText(error)}${hint === undefined ? '' : `${hint}\n`}`);
    return exitCode;
  }
}

const TRY_HELP = '(try --help)';

function program(context: Context): Command {
  const root = new Command('skerry')
    .description('A container orchestrator for edge and IoT fleets that speaks the Kubernetes API.')
    .version(versionLine(context.release).trimEnd(), '--version', 'print the version')
    // `skerry upgrade --version 0.2.0` asks for a release, not for ours.
    .enablePositionalOptions()
    .showHelpAfterError(TRY_HELP)
    .showSuggestionAfterError()
    .hook('preAction', (_, command) => configure(command, context))
    .exitOverride()
    .configureOutput({
      writeOut: context.stdout,
      writeErr: context.stderr,
      outputError: (text, write) => write(text.replace(/^error:/, 'skerry:')),
    })
    .addHelpText(
      'after',
      `
Examples:
  skerry server                                       # a server with its own node; kubeconfig in /var/lib/skerry/admin.kubeconfig
  skerry token create                                 # a token for one more node
  skerry agent --server https://10.0.0.1:6443 --token skr1.…
  kubectl --kubeconfig /var/lib/skerry/admin.kubeconfig get nodes`,
    );
  for (const verb of [
    serverCommand,
    agentCommand,
    getCommand,
    tokenCommand,
    kubeconfigCommand,
    confirmCommand,
    resetCommand,
    configCommand,
    doctorCommand,
    supportCommand,
    upgradeCommand,
    versionCommand,
  ]) {
    root.addCommand(verb(context));
  }
  handDown(root);
  return root;
}

/** Commander hands settings down only to commands that it makes itself. */
function handDown(parent: Command): void {
  for (const command of parent.commands) handDown(command.copyInheritedSettings(parent));
}
