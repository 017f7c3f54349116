import type { Index } from '#api/link/statement.ts';
import type { KubeObject } from '#api/object.ts';
import type { View } from '../view.ts';
import { referencesOf } from './references.ts';

/**
 * What in a node's document is its own, made from the state: the pods bound to it (those being deleted too, until the object is gone), the configmaps and
 * secrets they name, and the node itself. Pure but for the hashes that `hash` remembers.
 */
export type Projection = {
  /** What is the node's own; what many have in common is shared/shared-items.ts. */
  readonly own: Index;
  /** Hash → the object the item is made of. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Keys of configmaps and secrets that pods name, those that do not exist included: their coming changes the document. */
  readonly references: ReadonlySet<string>;
};

export type Source = { readonly resource: string; readonly object: KubeObject };

export function project(
  view: Pick<View, 'get' | 'podsOn'>,
  node: string,
  hash: (resource: string, object: KubeObject) => string,
): Projection {
  const own = new Map<string, string>();
  const sources = new Map<string, Source>();
  const references = new Set<string>();
  const add = (key: string, resource: string, object: KubeObject | undefined) => {
    if (object === undefined) return;
    const name = hash(resource, object);
    own.set(key, name);
    sources.set(name, { resource, object });
  };
  add('node', 'nodes', view.get('nodes', '', node));
  for (const pod of view.podsOn(node)) {
    add(`pods/${pod.metadata.uid ?? ''}`, 'pods', pod);
    for (const reference of referencesOf(pod)) references.add(reference);
  }
  for (const reference of references) {
    const [resource = '', namespace = '', name = ''] = reference.split('/');
    add(reference, resource, view.get(resource, namespace, name));
  }
  return { own, sources, references };
}
