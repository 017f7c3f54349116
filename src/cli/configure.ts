import type { Command, Option } from 'commander';
import { lookAtConfig, variableOf, type ConfigProblem } from '#install/config/check-config.ts';
import type { ConfigFile, ConfigPlace } from '#install/config/config-file.ts';
import { flagText, type ConfigKey } from '#install/config/config-key.ts';
import { SkerryError } from '#lib/error.ts';
import { configKeys, keysOf, settingValue } from './config-keys.ts';
import { CONFIG_FILE, type Context } from './context.ts';

/**
 * Gives a command the values that its flags have in the environment and the file of settings, where they were not given as flags. The two modes take all
 * of theirs from there, and so do the verbs that look at this machine as a mode would find it; of the others' flags only those that say where it has its things.
 */
const CONFIG_VARIABLE = variableOf('config');
const EVERYWHERE = ['data-dir', 'docker'];
/** Verbs that go to this machine's server as its agent does, and the flags that say how. */
const GO_AS_AGENT = ['reset'];
const WAY_TO_SERVER = ['server', 'proxy'];

type Kind = 'mode' | 'diagnosis' | 'other';

/**
 * Throws BadConfig, with every value that can not be used. What stops no start is left in the option value `unknownKeys`. A diagnosis is stopped by
 * nothing: it is told in the option value `settings` what there is, and does without what can not be used.
 */
export async function configure(command: Command, context: Context): Promise<void> {
  const kind = kindOf(command);
  const keys = kind === 'other' ? keysOf(command.options.filter((option) => isOthers(option, command))) : configKeys(context);
  const options = command.options.filter((option) => keys.some(({ name }) => name === option.name()));
  const isOpen = (option: Option) => command.getOptionValueSource(option.attributeName()) !== 'cli';
  // Whoever says it all needs no file.
  if (kind === 'other' && !options.some(isOpen)) return;

  const { environment } = context;
  const place = configPlace(command.getOptionValue('config'), environment);
  const about = kind === 'other' ? keys.map(({ name }) => name) : undefined;
  const look = await lookAtConfig(place, keys, environment, about);
  const { problems } = look;
  const own = new Set(options.flatMap((option) => [option.name(), variableOf(option.name())]));
  const errors = problems.filter((problem) => stops(problem, own, kind, place));
  if (errors.length > 0) throw new SkerryError('BadConfig', errors.map(({ message }) => message).join('\n'));

  const bad = new Set(problems.map(({ reason, key }) => (reason === 'BadValue' ? key : undefined)));
  for (const option of options.filter(isOpen)) {
    const name = option.name();
    if (bad.has(name) || bad.has(variableOf(name))) continue;
    const given = givenFor(name, environment, look.file, keys);
    if (given === undefined) continue;
    command.setOptionValueWithSource(option.attributeName(), settingValue(option, given.text), given.source);
  }
  const unknown = problems.filter(({ reason }) => reason === 'UnknownKey');
  if (kind === 'mode')
    command.setOptionValue(
      'unknownKeys',
      unknown.map(({ message }) => message),
    );
  if (kind === 'diagnosis') command.setOptionValue('settings', look);
}

function kindOf(command: Command): Kind {
  const has = (flag: string) => command.options.some(({ long }) => long === flag);
  if (!has('--config') || !has('--data-dir')) return 'other';
  return has('--log-level') ? 'mode' : 'diagnosis';
}

const isOthers = (option: Option, command: Command): boolean =>
  EVERYWHERE.includes(option.name()) || (WAY_TO_SERVER.includes(option.name()) && GO_AS_AGENT.includes(command.name()));

/** Where the file is: as the flag says, or the variable; without a word of it there need be none in the usual place. */
export function configPlace(named: unknown, environment: Context['environment']): ConfigPlace {
  if (typeof named === 'string') return { path: named, mustExist: true };
  const variable = environment[CONFIG_VARIABLE];
  if (variable === undefined || variable === '') return { path: CONFIG_FILE, mustExist: false };
  return { path: variable, mustExist: true };
}

/** A key that nobody knows may be the next release's, or a slip that costs less than a node that does not start. */
function stops({ reason, key }: ConfigProblem, own: ReadonlySet<string>, kind: Kind, { mustExist }: ConfigPlace): boolean {
  if (kind === 'diagnosis') return false;
  switch (reason) {
    case 'Forbidden':
      // Whoever may not read this machine's settings runs no service of it: to a person with a kubeconfig of their own they do not matter.
      return kind === 'mode' || mustExist;
    case 'Unreadable':
      return true;
    case 'BadValue':
    case 'KeyTwice':
      return key !== undefined && own.has(key);
    case 'SecretInFile':
      return kind === 'mode';
    case 'UnknownKey':
    case 'OpenSecret':
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
