import type { Written } from '#api/encoding/yaml-settings.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * One key of the configuration, as the command line knows it: a long flag of `skerry server` or `skerry agent` without its dashes. Nothing here
 * knows which ones there are; whatever is written becomes the text that would stand behind the flag. Pure.
 */
export type ConfigKey = {
  /** `data-dir` */
  readonly name: string;
  readonly form: 'switch' | 'text' | 'list' | 'map';
  /** Its value may have a login in it, so that nobody is shown it. */
  readonly mayHoldLogin?: boolean;
  /** Of what would stand behind the flag; throws an error that says what would have been right. */
  readonly parse: (text: string) => unknown;
};

const TRUE = ['true', 'yes', 'on', '1'];
const FALSE = ['false', 'no', 'off', '0'];

/** The value of a key that is a flag without a value. */
export function parseSwitch(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (TRUE.includes(word)) return true;
  if (FALSE.includes(word)) return false;
  throw new SkerryError('Usage', 'Use true or false.');
}

/** What would stand behind the flag; undefined where the file says that there is none of it (an empty list). Throws what would have been right. */
export function flagText(written: Written, form: ConfigKey['form']): string | undefined {
  switch (written.type) {
    case 'text':
      return written.text;
    case 'nothing':
      throw new SkerryError('Usage', 'It has no value: write one, or take the line out.');
    case 'nested':
      throw new SkerryError('Usage', `It takes ${TAKES[form]}: no lists or maps within others.`);
    case 'list':
      if (form !== 'list' && form !== 'map') throw new SkerryError('Usage', `It takes ${TAKES[form]}, and no list.`);
      return joined(written.items);
    case 'map':
      if (form !== 'map') throw new SkerryError('Usage', `It takes ${TAKES[form]}, and no map.`);
      refuseTwins(written.entries.map(([key]) => key));
      return joined(written.entries.map(([key, value]) => `${unequal(key)}=${value}`));
  }
}

const TAKES: Readonly<Record<ConfigKey['form'], string>> = {
  switch: 'true or false',
  text: 'one value',
  list: 'a value or a list of them',
  map: 'a map, or a text like key=value,key=value',
};

function joined(items: readonly string[]): string | undefined {
  const wrong = items.find((item) => item.includes(','));
  if (wrong !== undefined) throw new SkerryError('Usage', `"${wrong}" holds a comma, which parts values.`);
  return items.length === 0 ? undefined : items.join(',');
}

function unequal(key: string): string {
  if (key.includes('=')) throw new SkerryError('Usage', `"${key}" holds an equals sign, which parts a key and its value.`);
  return key;
}

function refuseTwins(keys: readonly string[]): void {
  const twin = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twin !== undefined) throw new SkerryError('Usage', `"${twin}" stands there twice.`);
}
