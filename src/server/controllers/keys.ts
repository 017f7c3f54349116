/** Keys of namespaced objects in the controllers' queues, `namespace/name`, and the two ways from news to them. */
import { controllerOf, objectName, type KubeObject } from '#api/object.ts';
import type { News } from './controller.ts';

export type ObjectKey = { readonly namespace: string; readonly name: string };

export const keyOf = objectName;

/** The inverse of keyOf; the namespace is '' for cluster-scoped objects. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The object itself, whatever happened to it. */
export function ownKey({ before, after }: News): readonly string[] {
  const object = after ?? before;
  return object === undefined ? [] : [keyOf(object)];
}

/** The objects of this kind that control it now, or did until this write. */
export function controllerKeys({ before, after }: News, group: string, kind: string): readonly string[] {
  return [...new Set([before, after].flatMap((object) => controllerKey(object, group, kind)))];
}

export function controllerKey(object: KubeObject | undefined, group: string, kind: string): readonly string[] {
  const owner = object === undefined ? undefined : controllerOf(object);
  if (object === undefined || owner?.kind !== kind || !owner.apiVersion.startsWith(`${group}/`)) return [];
  return [`${object.metadata.namespace ?? ''}/${owner.name}`];
}
