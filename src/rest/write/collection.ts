import { decodeAny } from '#api/encoding/decode-body.ts';
import type { KubeObject } from '#api/object.ts';
import { isNotFound } from '#api/status.ts';
import type { Call } from '../options.ts';
import type { ListMeta } from '../read/form.ts';
import { listObjects } from '../read/list.ts';
import { listOptions } from '../read/query.ts';
import type { HttpRequest } from '../request.ts';
import { deleteObject, type DeleteOptions } from './delete.ts';
import { parseDeleteOptions } from './delete-options.ts';

/** DELETE of a collection: what its selectors select, each object as if deleted alone, one after the other. */
export async function deleteCollection(
  call: Call,
  request: HttpRequest,
): Promise<{ readonly items: readonly KubeObject[]; readonly metadata: ListMeta }> {
  const { options, call: deciding } = deletion(call, request);
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

/** What is to be done, and the call that does it: also the body may say that nothing is (kubectl does so). */
export function deletion(call: Call, request: HttpRequest): { readonly options: DeleteOptions; readonly call: Call } {
  const body =
    request.body.length === 0
      ? undefined
      : decodeAny(request.body, request.headers['content-type'], 'DeleteOptions', call.api.schema);
  const { options, dryRun } = parseDeleteOptions(body, request.query);
  return { options, call: { ...call, dryRun: call.dryRun || dryRun } };
}
