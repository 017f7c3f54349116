import type { KubeObject } from '#api/object.ts';
import { isNotFound } from '#api/status.ts';
import type { Call } from '../options.ts';
import type { ListMeta } from '../read/form.ts';
import { listObjects } from '../read/list.ts';
import { listOptions } from '../read/query.ts';
import type { HttpRequest } from '../request.ts';
import { deleteObject } from './delete.ts';
import { deleteOptions } from './delete-options.ts';

/** DELETE of a collection: what its selectors select, each object as if deleted alone, one after the other. */
export async function deleteCollection(
  call: Call,
  request: HttpRequest,
): Promise<{ readonly items: readonly KubeObject[]; readonly metadata: ListMeta }> {
  const { options, dryRun } = deleteOptions(call, request);
  const deciding = { ...call, dryRun: call.dryRun || dryRun };
  const { items, metadata } = await listObjects(call, listOptions(request.query, false));
  const deleted: KubeObject[] = [];
  for (const item of items) {
    const done = await deleteObject(deciding, item.metadata.name ?? '', options).catch((error: unknown) => {
      // Gone in between: that is what was asked for.
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (done !== undefined) deleted.push(done.object);
  }
  return { items: deleted, metadata };
}
