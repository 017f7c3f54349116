import { parseYamlSettings, placeOf, type Written } from '#api/encoding/yaml-settings.ts';
import { hasCode } from '#lib/error.ts';
import { WITHHELD } from './scrub.ts';
import { CONFIG_KEYS } from './shapes.ts';

/** The configuration with the values of known keys, of any other key only its name; and what of it is to be kept out of all else. Pure. */
export function redactedConfig(text: string): { readonly content: unknown; readonly secrets: readonly string[] } {
  try {
    const settings = parseYamlSettings(text);
    const content = Object.fromEntries(
      settings.map(({ key, value }) => [key, CONFIG_KEYS.includes(key) ? plain(value) : WITHHELD]),
    );
    const others = settings.filter(({ key }) => !CONFIG_KEYS.includes(key));
    return { content, secrets: others.map(({ value }) => JSON.stringify(value)) };
  } catch (error) {
    // What is no YAML may be anything.
    if (hasCode(error, 'BadConfig'))
      return { content: { unreadable: placeOf('config.yaml', error), why: error.message }, secrets: [text] };
    throw error;
  }
}

function plain(value: Written): unknown {
  switch (value.type) {
    case 'text':
      return value.text;
    case 'list':
      return value.items;
    case 'map':
      return Object.fromEntries(value.entries);
    case 'nothing':
      return null;
    case 'nested':
      return WITHHELD;
  }
}
