import { Argument, Command } from 'commander';
import type { Context } from './context.ts';

export function completionCommand(context: Context): Command {
  return new Command('completion')
    .description('Print what makes a shell complete the words of skerry.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      `
Examples:
  skerry completion bash > /etc/bash_completion.d/skerry
  skerry completion zsh > "\${fpath[1]}/_skerry"
  source <(skerry completion bash)                    # in this shell; put the line into ~/.bashrc or ~/.zshrc for all`,
    )
    .action(async (shell: 'bash' | 'zsh', _flags: unknown, command: Command) => {
      const { completionScript } = await import('./completion/script.ts');
      const { factsOf } = await import('./completion/command-facts.ts');
      await context.write(completionScript(shell, factsOf(command.parent ?? command)));
    });
}

/** What the scripts ask with: not for people, so in no help. Says nothing where it can say nothing useful. */
export function completeCommand(context: Context): Command {
  return new Command('__complete')
    .argument('[words...]')
    .action(async (words: readonly string[], _flags: unknown, command: Command) => {
      const { complete } = await import('./completion/complete.ts');
      const { factsOf } = await import('./completion/command-facts.ts');
      const candidates = await complete(words, factsOf(command.parent ?? command), context);
      await context.write(candidates.map((candidate) => `${candidate}\n`).join(''));
    });
}
