import type { Qualified } from '#api/status.ts';
import { MODIFIED, alreadyExistsError, conflictError, notFoundError } from '#api/status.ts';
import { SkerryError } from '#lib/error.ts';
import type { Key, Write } from '#rest/storage.ts';

/** Whether a write may go ahead, given what is there now, pending writes included. Pure. */
export type Present = { readonly revision: number; readonly uid: string };

/** Throws AlreadyExists, NotFound or Conflict with the write's `index` in its details. */
export function checkPrecondition({ key, expect }: Write, index: number, present: Present | undefined): void {
  const error = violation(key, expect, present);
  if (error !== undefined) throw new SkerryError(error.code, error.message, { details: { ...error.details, index } });
}

function violation(key: Key, expect: Write['expect'], present: Present | undefined): SkerryError | undefined {
  if (expect === undefined) return undefined;
  const resource = qualified(key.resource);
  if (expect.absent === true) return present === undefined ? undefined : alreadyExistsError(resource, key.name);
  if (present === undefined) return notFoundError(resource, key.name);
  if (expect.uid !== undefined && expect.uid !== present.uid)
    return conflictError(
      resource,
      key.name,
      `Precondition failed: UID in precondition: ${expect.uid}, UID in object meta: ${present.uid}`,
    );
  if (expect.revision !== undefined && expect.revision !== present.revision) return conflictError(resource, key.name, MODIFIED);
  return undefined;
}

/** `deployments.apps` → name `deployments`, group `apps`. */
function qualified(resource: string): Qualified {
  const dot = resource.indexOf('.');
  return dot < 0 ? { group: '', name: resource } : { group: resource.slice(dot + 1), name: resource.slice(0, dot) };
}
