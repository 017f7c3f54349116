import type { KubeObject } from '#api/object.ts';
import { parseFieldSelector } from '#api/selectors/field-selector.ts';
import { parseLabelSelector } from '#api/selectors/label-selector.ts';
import { apiError, badRequestError } from '#api/status.ts';
import { hasCode } from '#lib/error.ts';
import type { Call } from '../options.ts';
import { decodePlace, encodePlace, type Place } from './continue-token.ts';
import type { ListMeta } from './form.ts';
import type { ListOptions } from './query.ts';

/** GET of a collection: one consistent revision, in pages if the caller wants them. */
export type Listed = { readonly items: readonly KubeObject[]; readonly metadata: ListMeta; readonly revision: number };

export async function listObjects(call: Call, options: ListOptions): Promise<Listed> {
  const { storage } = call.api;
  const matches = matcher(call, options);
  const place = options.continueToken === '' ? undefined : decodePlace(options.continueToken);
  const wanted = revisionOf(call, options, place);
  const all = call.resource.namespaced && call.namespace === '';
  const { revision, items } = await storage
    .list({
      resource: call.resource.id,
      namespace: all ? undefined : call.namespace,
      after: place === undefined ? undefined : { namespace: place.namespace, name: place.name },
      revision: wanted,
    })
    .catch((error: unknown) => {
      if (!hasCode(error, 'Expired')) throw error;
      throw place === undefined ? apiError('Expired', 'The resourceVersion for the provided list is too old.') : tooOld(place);
    });
  const found = items.filter(matches);
  const page = options.limit > 0 ? found.slice(0, options.limit) : found;
  const last = page.at(-1);
  const more = found.length - page.length;
  const metadata = {
    resourceVersion: String(revision),
    ...(more === 0 || last === undefined ? {} : { continue: encodePlace({ revision, ...nameOf(last) }) }),
    // Upstream counts what remains only where no selector hides it.
    ...(more === 0 || options.labelSelector !== '' || options.fieldSelector !== '' ? {} : { remainingItemCount: more }),
  };
  return { items: page, metadata, revision };
}

export function matcher(
  call: Call,
  options: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>,
): (object: KubeObject) => boolean {
  const labels = options.labelSelector === '' ? undefined : parseLabelSelector(options.labelSelector);
  const fields = options.fieldSelector === '' ? undefined : parseFieldSelector(options.fieldSelector, call.resource);
  return (object) => (labels?.(object) ?? true) && (fields?.(object) ?? true);
}

/** At which revision the list must be; undefined: now. Throws 400, 410 and 504. */
function revisionOf(call: Call, options: ListOptions, place: Place | undefined): number | undefined {
  const { resourceVersion, resourceVersionMatch, limit } = options;
  const isAny = resourceVersion === '' || resourceVersion === '0';
  const current = call.api.storage.revision();
  if (place !== undefined) {
    if (!isAny) throw badRequestError('specifying resource version is not allowed when using continue');
    // Of a revision that this database has not had: it was restored from a backup since.
    if (place.revision > current) throw tooOld(place);
    return place.revision < 0 ? undefined : place.revision;
  }
  if (isAny) return undefined;
  const asked = Number(resourceVersion);
  if (asked > current) {
    throw apiError('Timeout', `Timeout: Too large resource version: ${resourceVersion}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  // Upstream reads a revision with a limit, where nothing says how it is meant, as exact.
  return resourceVersionMatch === 'Exact' || (resourceVersionMatch === '' && limit > 0) ? asked : undefined;
}

function nameOf({ metadata }: KubeObject): { readonly namespace: string; readonly name: string } {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

/** Carries a token with which the rest can be had all the same, of the present state. */
function tooOld(place: Place): unknown {
  const token = encodePlace({ ...place, revision: -1 });
  return apiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    undefined,
    undefined,
    { continue: token },
  );
}
