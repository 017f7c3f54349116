import { SkerryError } from '#lib/error.ts';
import type { Discovery } from '../client/discovery.ts';
import type { Asked } from '../client/resource-arguments.ts';
import { collectionPath, objectPath, type ResourceType } from '../client/resource-types.ts';

/** One thing to ask a server for: a collection, or an object by its name. */
export type Target = { readonly type: ResourceType; readonly namespace: string | undefined; readonly name: string | undefined };

/** `namespace` undefined: all of them. Throws UnknownType, or Usage. */
export async function targetsOf(asked: Asked, discovery: Discovery, namespace: string | undefined): Promise<readonly Target[]> {
  if (asked.by === 'name') {
    if (namespace === undefined) throw new SkerryError('Usage', 'a resource cannot be retrieved by name across all namespaces');
    return Promise.all(asked.names.map(async ({ type, name }) => ({ type: await discovery.type(type), namespace, name })));
  }
  const types = (await Promise.all(asked.types.map(discovery.types))).flat();
  return [...new Set(types)].map((type) => ({ type, namespace, name: undefined }));
}

export function pathOf({ type, namespace, name }: Target): string {
  return name === undefined ? collectionPath(type, namespace) : objectPath(type, namespace, name);
}
