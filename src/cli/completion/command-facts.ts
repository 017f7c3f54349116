import type { Command } from 'commander';

/** What completion knows of the command line, from the commands themselves: each verb by its path (`token create`), its flags and its words. */
export type VerbFacts = {
  /** Of the program itself empty. */
  readonly path: readonly string[];
  readonly verbs: readonly string[];
  readonly flags: readonly FlagFacts[];
  /** Of its first argument, where only some are possible. */
  readonly choices: readonly string[];
  readonly takesWords: boolean;
};

/** `names`: long and short. `value`: whether one follows; one that may be left away stands behind `=`. */
export type FlagFacts = { readonly names: readonly string[]; readonly value: boolean; readonly choices: readonly string[] };

export function factsOf(command: Command, path: readonly string[] = []): readonly VerbFacts[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command);
  const [argument] = command.registeredArguments;
  return [
    {
      path,
      verbs: children.map((child) => child.name()),
      flags: help.visibleOptions(command).map((option) => ({
        names: [option.long, option.short].filter((name) => name !== undefined && name !== null),
        value: option.required,
        choices: option.argChoices ?? [],
      })),
      choices: argument?.argChoices ?? [],
      takesWords: argument !== undefined,
    },
    ...children.filter((child) => child.name() !== 'help').flatMap((child) => factsOf(child, [...path, child.name()])),
  ];
}
