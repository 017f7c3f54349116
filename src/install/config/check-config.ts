import { cutText } from '#lib/cut-text.ts';
import { explain } from '#lib/error.ts';
import type { YamlSetting } from '#api/encoding/yaml-settings.ts';
import { readConfigFile, type ConfigFile, type ConfigPlace } from './config-file.ts';
import { flagText, type ConfigKey } from './config-key.ts';
import { nearestKey } from './nearest-key.ts';

/**
 * What is wrong with a configuration, before or while it is used. Which keys there are comes in: the command line's table of flags is where they are
 * declared. It repairs nothing and prints nothing.
 */
export type ConfigProblem = {
  readonly reason: 'Forbidden' | 'Unreadable' | 'UnknownKey' | 'KeyTwice' | 'BadValue' | 'SecretInFile' | 'OpenSecret';
  /** The key, or the variable, that it is about. */
  readonly key?: string;
  /** For people, with the file and the line: `/etc/skerry/config.yaml:3: unknown key "node-nmae": did you mean "node-name"?` */
  readonly message: string;
  /** Of a value that is wrong: the same without that value. */
  readonly withoutValue?: string;
};

/** The settings that hold for this machine: `file` undefined where there is none that can be used, problems in its order, those of the environment last. */
export type ConfigLook = {
  readonly path: string;
  readonly file: ConfigFile | undefined;
  readonly problems: readonly ConfigProblem[];
};

/** A file everybody can come to read (backups, support) is no place for a secret. Key → what to use in its place. */
const SECRET_KEYS: Readonly<Record<string, string>> = { token: 'token-file' };
/** Of a value that is wrong. */
const SHOWN_BYTES_MAX = 200;
const VARIABLE_PREFIX = 'SKERRY_';

/** `about`: as readConfigFile takes it. Never throws. */
export async function lookAtConfig(
  place: ConfigPlace,
  keys: readonly ConfigKey[],
  environment: Readonly<Record<string, string | undefined>>,
  about?: readonly string[],
): Promise<ConfigLook> {
  const { path } = place;
  const ofEnvironment = environmentProblems(environment, keys);
  try {
    const file = await readConfigFile(place, about);
    return { path, file, problems: [...(file === undefined ? [] : problemsOf(file, keys)), ...ofEnvironment] };
  } catch (error) {
    const isForbidden = error instanceof Error && isNodeError(error.cause) && error.cause.code === 'EACCES';
    const reason = isForbidden ? 'Forbidden' : 'Unreadable';
    return { path, file: undefined, problems: [{ reason, message: explain(error) }, ...ofEnvironment] };
  }
}

const isNodeError = (value: unknown): value is { readonly code: unknown } => value instanceof Error && 'code' in value;

export function problemsOf({ path, settings, othersMayRead }: ConfigFile, keys: readonly ConfigKey[]): readonly ConfigProblem[] {
  return settings.flatMap((setting, index) => {
    const { key, line } = setting;
    const at = `${path}:${line}`;
    const first = settings.findIndex((other) => other.key === key);
    const twice: readonly ConfigProblem[] =
      first === index
        ? []
        : [
            {
              reason: 'KeyTwice',
              key,
              message: `${at}: key "${key}" stands twice, first on line ${settings[first]?.line}: keep one of them`,
            },
          ];
    return [...twice, ...problemsOfSetting(setting, { path, at, othersMayRead }, keys)];
  });
}

function problemsOfSetting(
  { key, value }: YamlSetting,
  { path, at, othersMayRead }: { readonly path: string; readonly at: string; readonly othersMayRead: boolean },
  keys: readonly ConfigKey[],
): readonly ConfigProblem[] {
  const instead = SECRET_KEYS[key];
  if (instead !== undefined) {
    const open = othersMayRead ? `; others on this machine can read this one: chmod 600 ${path}, and make a new ${key}` : '';
    const message = `${at}: ${key}: a secret does not stand in this file: write it to one of its own (mode 0600), and name that as "${instead}"${open}`;
    return [{ reason: 'SecretInFile', key, message }];
  }
  const known = keys.find(({ name }) => name === key);
  if (known === undefined) {
    const message = `${at}: unknown key ${JSON.stringify(key)}${suggested(key, keys)}`;
    return [{ reason: 'UnknownKey', key, message }];
  }
  let text: string | undefined;
  try {
    text = flagText(value, known.form);
    if (text !== undefined) known.parse(text);
    return text !== undefined && othersMayRead && known.mayHoldLogin === true && text.includes('@')
      ? [openSecret(key, path, at)]
      : [];
  } catch (error) {
    return [badValue(known, { key, where: `${at}: ${key}`, text }, error)];
  }
}

function openSecret(key: string, path: string, at: string): ConfigProblem {
  const message = `${at}: ${key}: others on this machine can read the login that stands there: chmod 600 ${path}`;
  return { reason: 'OpenSecret', key, message };
}

/** What stands somewhere for a key: `where` in words for people, `text` as far as it could be read. */
type Given = { readonly key: string; readonly where: string; readonly text: string | undefined };

function badValue({ mayHoldLogin = false }: ConfigKey, { key, where, text }: Given, error: unknown): ConfigProblem {
  const shown = text === undefined || mayHoldLogin ? '' : ` ${JSON.stringify(cutText(text, SHOWN_BYTES_MAX))}`;
  return {
    reason: 'BadValue',
    key,
    message: `${where}${shown}: ${explain(error)}`,
    withoutValue: `${where}: it has a wrong value`,
  };
}

function suggested(key: string, keys: readonly ConfigKey[]): string {
  const names = keys.map(({ name }) => name).filter((name) => SECRET_KEYS[name] === undefined);
  const nearest = nearestKey(key, names);
  return nearest === undefined ? ` (there are: ${names.toSorted().join(', ')})` : `: did you mean "${nearest}"?`;
}

/**
 * Of the environment. A variable that merely begins as ours do may be anybody's (a service of that name makes kubelets set some): only what is nearly one
 * of ours is taken for one that was misspelt.
 */
export function environmentProblems(
  environment: Readonly<Record<string, string | undefined>>,
  keys: readonly ConfigKey[],
): readonly ConfigProblem[] {
  const names = keys.map(({ name }) => name);
  return Object.entries(environment).flatMap(([variable, text]): readonly ConfigProblem[] => {
    if (!variable.startsWith(VARIABLE_PREFIX) || text === undefined || text === '') return [];
    const known = keys.find(({ name }) => variableOf(name) === variable);
    if (known === undefined) {
      const nearest = nearestKey(variable.slice(VARIABLE_PREFIX.length), names);
      if (nearest === undefined) return [];
      const message = `unknown variable ${variable}: did you mean ${variableOf(nearest)}?`;
      return [{ reason: 'UnknownKey', key: variable, message }];
    }
    try {
      known.parse(text);
      return [];
    } catch (error) {
      return [badValue(known, { key: variable, where: variable, text }, error)];
    }
  });
}

/** `data-dir` → `SKERRY_DATA_DIR` */
export function variableOf(key: string): string {
  return `${VARIABLE_PREFIX}${key.toUpperCase().replaceAll('-', '_')}`;
}
