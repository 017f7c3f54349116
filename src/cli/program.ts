import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { Context } from './context.ts';
import { USAGE_EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { remedy } from './remedy.ts';
import { spellFlags, verbFirst } from './spell-flags.ts';
import { versionLine } from './version.ts';
import { hasCode } from '#lib/error.ts';
import { failureText } from './failure-text.ts';

/** Runs the command line and gives the exit code; never throws and never exits by itself. */
export async function runProgram(argv: readonly string[], context: Context): Promise<number> {
  try {
    const words = argv[0]?.startsWith('-') === true ? await withVerbFirst(argv) : argv;
    const root = await program(words[0], context);
    await root.parseAsync(spellFlags(words, root), { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has already printed its own message, help among them.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    // As `head` does: whoever reads has read enough.
    if (hasCode(error, 'OutputClosed')) return 0;
    const exitCode = exitCodeOf(error);
    const hint = exitCode === USAGE_EXIT_CODE && !hasCode(error, ...HELP_SAYS_NO_MORE) ? TRY_HELP : remedy(error);
    context.stderr(`${failureText(error)}${hint === undefined ? '' : `${hint}\n`}`);
    return exitCode;
  }
}

async function withVerbFirst(argv: readonly string[]): Promise<readonly string[]> {
  return verbFirst(argv, (await import('./server-flags.ts')).withServerFlags(new Command()));
}

const TRY_HELP = '(try --help)';
/** What is wrong in a file of settings is told with its place, a verb of kubectl with the line that does it; no flag makes a token, or another machine. */
const HELP_SAYS_NO_MORE = ['BadConfig', 'NotServed', 'BadToken', 'NoToken', 'OtherMode'];

/** In the order of the help. A verb is loaded when it is run, or when all are to be told of: the rest would cost it as much again. */
const VERBS: Readonly<Record<string, () => Promise<(context: Context) => Command>>> = {
  install: async () => (await import('./install.ts')).installCommand,
  server: async () => (await import('./server.ts')).serverCommand,
  agent: async () => (await import('./agent.ts')).agentCommand,
  get: async () => (await import('./get.ts')).getCommand,
  create: async () => (await import('./create.ts')).createCommand,
  delete: async () => (await import('./delete.ts')).deleteCommand,
  logs: async () => (await import('./logs.ts')).logsCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  kubeconfig: async () => (await import('./kubeconfig.ts')).kubeconfigCommand,
  confirm: async () => (await import('./confirm.ts')).confirmCommand,
  reset: async () => (await import('./reset.ts')).resetCommand,
  uninstall: async () => (await import('./uninstall.ts')).uninstallCommand,
  upgrade: async () => (await import('./upgrade.ts')).upgradeCommand,
  config: async () => (await import('./config.ts')).configCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  support: async () => (await import('./support.ts')).supportCommand,
  completion: async () => (await import('./completion.ts')).completionCommand,
  version: async () => (await import('./version.ts')).versionCommand,
};

/** Those that look at the whole command line. */
const KNOW_ALL: readonly string[] = ['completion', '__complete'];

/** All verbs, or the one that the command line begins with. */
export async function program(first: string | undefined, context: Context): Promise<Command> {
  const root = new Command('skerry')
    .description('A container orchestrator for edge and IoT fleets that speaks the Kubernetes API.')
    .version(versionLine(context.release).trimEnd(), '--version', 'print the version')
    // `skerry upgrade --version 0.2.0` asks for a release, not for ours.
    .enablePositionalOptions()
    .showHelpAfterError(TRY_HELP)
    .showSuggestionAfterError()
    .hook('preAction', async (_, command) => {
      if (!namesServer(command, context)) await (await import('./configure.ts')).configure(command, context);
    })
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
  const own = first === undefined || KNOW_ALL.includes(first) || !Object.hasOwn(VERBS, first) ? undefined : VERBS[first];
  for (const load of own === undefined ? Object.values(VERBS) : [own]) root.addCommand((await load())(context));
  if (own === undefined) root.addCommand((await import('./completion.ts')).completeCommand(context), { hidden: true });
  handDown(root);
  if (own === undefined && first !== undefined && /^[a-z]/.test(first) && !KNOW_ALL.includes(first)) {
    const { kubectlCommand, kubectlVerb } = await import('./kubectl-verb.ts');
    const meant = kubectlVerb(first, [...Object.keys(VERBS), 'help']);
    if (meant !== undefined) root.addCommand(kubectlCommand(first, meant, context), { hidden: true });
  }
  return root;
}

/** Whoever names a server by a kubeconfig asks for nothing of this machine's settings, and waits for nobody to read them. */
function namesServer(command: Command, { environment, homedir }: Context): boolean {
  if (!command.options.some(({ long }) => long === '--kubeconfig')) return false;
  return (
    command.getOptionValue('kubeconfig') !== undefined ||
    (environment['KUBECONFIG'] ?? '') !== '' ||
    existsSync(join(homedir(), '.kube/config'))
  );
}

/** Commander hands settings down only to commands that it makes itself. */
function handDown(parent: Command): void {
  for (const command of parent.commands) handDown(command.copyInheritedSettings(parent));
}
