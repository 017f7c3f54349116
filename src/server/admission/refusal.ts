import { forbiddenError } from '#api/status.ts';
import type { SkerryError } from '#lib/error.ts';
import type { Attempt } from '#rest/admission.ts';

/** A 403 as upstream's admission.NewForbidden: about the object by its name, or by what its name will be made of. */
export function refused({ resource, name, object }: Attempt, why: string): SkerryError {
  const { name: given = '', generateName = '' } = object?.metadata ?? {};
  const shown = [name, given, generateName].find((text) => text !== '') ?? 'Unknown';
  return forbiddenError({ group: resource.group, name: resource.plural }, shown, why);
}
