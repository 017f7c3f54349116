import { readFile, stat } from 'node:fs/promises';
import type { YamlSetting } from '#api/encoding/yaml-settings.ts';
import { SkerryError, hasCode } from '#lib/error.ts';

/** The configuration as it stands on the disk. What its keys mean, and whether there are such keys, is not looked at here. */
export type ConfigFile = {
  readonly path: string;
  readonly settings: readonly YamlSetting[];
  /** Others on this machine than its owner. */
  readonly othersMayRead: boolean;
};

export type ConfigPlace = { readonly path: string; /** It was named by somebody. */ readonly mustExist: boolean };

const CONFIG_BYTES_MAX = 256 * 1024;
const OTHERS_READ = 0o044;

/** Undefined if there is none and need be none, or if it has not even the words of `about`. Throws Usage: it can not be read; BadConfig: it is no file of settings. */
export async function readConfigFile(
  { path, mustExist }: ConfigPlace,
  about: readonly string[] = [''],
): Promise<ConfigFile | undefined> {
  try {
    const { size, mode } = await stat(path);
    if (size > CONFIG_BYTES_MAX) throw new SkerryError('Usage', `it is larger than ${CONFIG_BYTES_MAX / 1024} KiB`);
    const text = await readFile(path, 'utf8');
    if (!about.some((word) => text.includes(word))) return undefined;
    // The parser costs a start more than all else here.
    const { parseYamlSettings, placeOf } = await import('#api/encoding/yaml-settings.ts');
    try {
      return { path, settings: parseYamlSettings(text), othersMayRead: (mode & OTHERS_READ) !== 0 };
    } catch (cause) {
      throw new SkerryError('BadConfig', placeOf(path, cause), { cause });
    }
  } catch (cause) {
    if (hasCode(cause, 'BadConfig')) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT' && !mustExist) return undefined;
    throw new SkerryError('Usage', `read the configuration ${path}`, { cause });
  }
}
