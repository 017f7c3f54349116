import type { Option } from 'commander';
import { parseSwitch, type ConfigKey } from '#install/config/config-key.ts';
import { agentCommand } from './agent.ts';
import type { Context } from './context.ts';
import { serverCommand } from './server.ts';

/**
 * Which keys a configuration may have: the long flags of the two modes, read out of commander's own tables. One file may serve both, so a key of the other
 * mode is a key.
 */
export function configKeys(context: Context): readonly ConfigKey[] {
  const keys = keysOf([serverCommand(context), agentCommand(context)].flatMap((command) => command.options));
  return keys.filter(({ name }, index) => keys.findIndex((other) => other.name === name) === index);
}

export function keysOf(options: readonly Option[]): readonly ConfigKey[] {
  return options.filter(isSetting).map((option) => ({
    name: option.name(),
    form: formOf(option),
    mayHoldLogin: WITH_LOGIN.includes(option.name()),
    parse: (text) => settingValue(option, text),
  }));
}

const WITH_LOGIN = ['proxy'];

/** The file does not name itself. */
function isSetting(option: Option): boolean {
  return option.long !== undefined && option.attributeName() !== 'config';
}

/** What the option has where this text stands for it in a file or the environment; throws what would have been right. */
export function settingValue(option: Option, text: string): unknown {
  if (isSwitch(option)) return parseSwitch(text) !== option.negate;
  return option.parseArg === undefined ? text : option.parseArg(text, option.defaultValue);
}

const isSwitch = (option: Option): boolean => option.negate || option.isBoolean();

/** As the help shows it: `<k=v,…>` takes pairs, `<name,…>` a list. */
function formOf(option: Option): ConfigKey['form'] {
  if (isSwitch(option)) return 'switch';
  if (option.flags.endsWith('<k=v,…>')) return 'map';
  return option.flags.endsWith(',…>') ? 'list' : 'text';
}
