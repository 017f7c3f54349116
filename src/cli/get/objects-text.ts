import { jsonText, listOf, objectName, withoutManagedFields, yamlText, type PrintedObject } from '../output/object-text.ts';

/** Objects as `get -o` prints them, as kubectl does. */

/** `single`: one object was asked for, so no list is made of it. */
export function objectsText(
  objects: readonly PrintedObject[],
  format: 'json' | 'yaml' | 'name',
  { single, managedFields }: { readonly single: boolean; readonly managedFields: boolean },
): string {
  if (format === 'name') return objects.map((object) => `${objectName(object)}\n`).join('');
  const shown = managedFields ? objects : objects.map(withoutManagedFields);
  const [first] = shown;
  if (single && first === undefined) return '';
  const whole = single && shown.length === 1 ? first : listOf(shown);
  return format === 'json' ? jsonText(whole) : yamlText(whole);
}
