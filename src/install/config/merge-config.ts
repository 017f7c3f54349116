import { parseYamlSettings, placeOf } from '#api/encoding/yaml-settings.ts';
import { removeYamlSettings, setYamlSettings } from '#api/encoding/yaml-settings-edit.ts';
import { SkerryError } from '#lib/error.ts';
import { problemsOf } from './check-config.ts';
import { flagText, parseSwitch, type ConfigKey } from './config-key.ts';

/**
 * The configuration that an installation leaves behind: what is there, and the flags that were given, which win. Pure. A file that says the same
 * already stays as it is, to the letter.
 */
export type GivenFlags = Readonly<Record<string, string | boolean>>;

/** Throws BadConfig with every problem of the result: what is installed is to start. `text`: undefined where there is no file yet. */
export function mergeConfig(path: string, text: string | undefined, given: GivenFlags, keys: readonly ConfigKey[]): string {
  const before = text ?? HEADER;
  let merged: string;
  try {
    merged = setYamlSettings(before, changed(before, given, keys));
  } catch (cause) {
    throw new SkerryError('BadConfig', placeOf(path, cause), { cause });
  }
  const problems = problemsOf({ path, settings: parseYamlSettings(merged), othersMayRead: false }, keys);
  if (problems.length > 0) throw new SkerryError('BadConfig', problems.map(({ message }) => message).join('\n'));
  return merged;
}

/** Throws BadConfig. A file that has none of them stays as it is, to the letter. */
export function withoutSettings(path: string, text: string, names: readonly string[]): string {
  try {
    return removeYamlSettings(text, names);
  } catch (cause) {
    throw new SkerryError('BadConfig', placeOf(path, cause), { cause });
  }
}

const HEADER = `# Settings of Skerry: the long flags of \`skerry server\` and \`skerry agent\` without their dashes.
# \`skerry config check\` looks them over; they are read at the next start: systemctl restart skerry-server (or skerry-agent).
`;

/** Those that the file does not say yet, in whatever form. */
function changed(text: string, given: GivenFlags, keys: readonly ConfigKey[]): GivenFlags {
  const settings = parseYamlSettings(text);
  return Object.fromEntries(
    Object.entries(given).filter(([name, value]) => {
      const setting = settings.find(({ key }) => key === name);
      const form = keys.find((key) => key.name === name)?.form;
      if (setting === undefined || form === undefined) return true;
      try {
        const said = flagText(setting.value, form);
        return typeof value === 'boolean' ? said === undefined || parseSwitch(said) !== value : said !== value;
      } catch {
        // What it says is wrong: told by problemsOf, unless the flag mends it.
        return true;
      }
    }),
  );
}

/** What one key of a configuration says, as text behind its flag; undefined if it says nothing of it. Throws BadConfig for what can not be read. */
export function settingOf(path: string, text: string, key: ConfigKey): string | undefined {
  try {
    const setting = parseYamlSettings(text).find((other) => other.key === key.name);
    return setting === undefined ? undefined : flagText(setting.value, key.form);
  } catch (error) {
    throw new SkerryError('BadConfig', `read "${key.name}" in ${placeOf(path, error)}`, { cause: error });
  }
}
