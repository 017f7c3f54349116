import type { Command, Option } from 'commander';
import { environmentProblems, problemsOf, variableOf, type ConfigProblem } from '#install/config/check-config.ts';
import { readConfigFile, type ConfigFile, type ConfigPlace } from '#install/config/config-file.ts';
import { flagText, type ConfigKey } from '#install/config/config-key.ts';
import { SkerryError } from '#lib/error.ts';
import { configKeys, isSetting, keysOf, settingValue } from './config-keys.ts';
import { CONFIG_FILE, type Context } from './context.ts';

/**
 * Gives a command the values that its flags have in the environment and the file of settings, where they were not given as flags. The two modes take all
 * of theirs from there; of the other verbs' flags only those that say where this machine has its things.
 */
const CONFIG_VARIABLE = variableOf('config');
const EVERYWHERE = ['data-dir', 'docker'];

/** Throws BadConfig, with every value that can not be used. What stops no start is left in the option value `unknownKeys`. */
export async function configure(command: Command, context: Context): Promise<void> {
  const has = (flag: string) => command.options.some(({ long }) => long === flag);
  const isMode = has('--config') && has('--data-dir');
  const options = command.options.filter((option) => isSetting(option) && (isMode || EVERYWHERE.includes(option.name())));
  const isOpen = (option: Option) => command.getOptionValueSource(option.attributeName()) !== 'cli';
  // Whoever says it all needs no file.
  if (!isMode && !options.some(isOpen)) return;

  const { environment } = context;
  const config = await configFor(isMode, configPlace(command.getOptionValue('config'), environment));
  const keys = isMode ? configKeys(context) : keysOf(options);
  const problems = [...(config === undefined ? [] : problemsOf(config, keys)), ...environmentProblems(environment, keys)];
  const own = new Set(options.flatMap((option) => [option.name(), variableOf(option.name())]));
  const errors = problems.filter((problem) => stops(problem, own, isMode));
  if (errors.length > 0) throw new SkerryError('BadConfig', errors.map(({ message }) => message).join('\n'));

  for (const option of options.filter(isOpen)) {
    const given = givenFor(option.name(), environment, config, keys);
    if (given === undefined) continue;
    command.setOptionValueWithSource(option.attributeName(), settingValue(option, given.text), given.source);
  }
  const unknown = problems.filter(({ reason }) => reason === 'UnknownKey');
  if (isMode)
    command.setOptionValue(
      'unknownKeys',
      unknown.map(({ message }) => message),
    );
}

/** Whoever may not read this machine's settings runs no service of it: to a person with a kubeconfig of their own they do not matter. */
async function configFor(isMode: boolean, place: ConfigPlace): Promise<ConfigFile | undefined> {
  try {
    return await readConfigFile(place, isMode ? undefined : EVERYWHERE);
  } catch (error) {
    const isForbidden =
      error instanceof Error && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'EACCES';
    if (isMode || place.mustExist || !isForbidden) throw error;
    return undefined;
  }
}

/** Where the file is: as the flag says, or the variable; without a word of it there need be none in the usual place. */
export function configPlace(named: unknown, environment: Context['environment']): ConfigPlace {
  if (typeof named === 'string') return { path: named, mustExist: true };
  const variable = environment[CONFIG_VARIABLE];
  if (variable === undefined || variable === '') return { path: CONFIG_FILE, mustExist: false };
  return { path: variable, mustExist: true };
}

/** A key that nobody knows may be the next release's, or a slip that costs less than a node that does not start. */
function stops({ reason, key }: ConfigProblem, own: ReadonlySet<string>, isMode: boolean): boolean {
  switch (reason) {
    case 'Unreadable':
      return true;
    case 'BadValue':
    case 'KeyTwice':
      return key !== undefined && own.has(key);
    case 'SecretInFile':
      return isMode;
    case 'UnknownKey':
      return false;
  }
}

type Given = { readonly text: string; readonly source: 'env' | 'config' };

function givenFor(
  name: string,
  environment: Context['environment'],
  config: ConfigFile | undefined,
  keys: readonly ConfigKey[],
): Given | undefined {
  const variable = environment[variableOf(name)];
  if (variable !== undefined && variable !== '') return { text: variable, source: 'env' };
  const setting = config?.settings.find(({ key }) => key === name);
  const known = keys.find((key) => key.name === name);
  if (setting === undefined || known === undefined) return undefined;
  const text = flagText(setting.value, known.form);
  return text === undefined ? undefined : { text, source: 'config' };
}
