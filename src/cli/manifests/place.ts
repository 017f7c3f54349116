import { SkerryError } from '#lib/error.ts';
import type { Discovery } from '../client/discovery.ts';
import type { ResourceType } from '../client/resource-types.ts';
import type { Manifest } from './parse-manifests.ts';

/** Where a manifest's object belongs: its resource, and the namespace that it names, or is given. */
export type Placed = { readonly type: ResourceType; readonly namespace: string | undefined };

/** `enforced`: the namespace that the user gave, which no object may contradict. Throws UnknownType or Usage. */
export async function placeManifest(
  { apiVersion, kind, name, namespace, source }: Manifest,
  discovery: Discovery,
  { usual, enforced }: { readonly usual: string; readonly enforced: string | undefined },
): Promise<Placed> {
  const type = await discovery.kind(apiVersion, kind).catch((cause: unknown) => {
    const what = `resource mapping not found for name: ${JSON.stringify(name)} namespace: ${JSON.stringify(namespace)} from ${JSON.stringify(source)}`;
    throw new SkerryError(cause instanceof SkerryError ? cause.code : 'UnknownType', what, { cause });
  });
  if (!type.namespaced) return { type, namespace: undefined };
  if (enforced !== undefined && namespace !== '' && namespace !== enforced)
    throw new SkerryError(
      'BadRequest',
      `the namespace from the provided object ${JSON.stringify(namespace)} does not match the namespace ${JSON.stringify(enforced)}. You must pass '--namespace=${namespace}' to perform this operation.`,
    );
  return { type, namespace: namespace === '' ? usual : namespace };
}
