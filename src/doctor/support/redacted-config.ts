import { parseYaml } from '#api/encoding/yaml.ts';
import { fieldsOf } from '#lib/json-field.ts';
import { WITHHELD } from './scrub.ts';
import { CONFIG_KEYS } from './shapes.ts';

/** The configuration with the values of known keys; of any other key only its name. Throws what the YAML parser says. Pure. */
export function redactedConfig(text: string): Readonly<Record<string, unknown>> {
  const entries = Object.entries(fieldsOf(parseYaml(text)));
  return Object.fromEntries(entries.map(([name, value]) => [name, CONFIG_KEYS.includes(name) ? value : WITHHELD]));
}
