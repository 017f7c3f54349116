import type { Pod } from '#api/kinds/pod.ts';
import type { Index } from '#api/link/statement.ts';
import type { KubeObject } from '#api/object.ts';
import { withoutTokenVolume } from '../admission/token-volume.ts';
import type { View } from '../view.ts';
import { referencesOf } from './references.ts';
import { accountOf, tokenOrders, type TokenOrder } from './token-orders.ts';

/**
 * What in a node's document is its own, made from the state: the pods bound to it (those being deleted too, until the object is gone), the configmaps and
 * secrets they name, their accounts' tokens, and the node itself. Pure but for the hashes that `hash` remembers.
 */
export type Projection = {
  /** What is the node's own; what many have in common is shared/shared-items.ts. */
  readonly own: Index;
  /** Hash → what the item is made of. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Keys of configmaps, secrets and accounts that pods name, those that do not exist included: their coming changes the document. */
  readonly references: ReadonlySet<string>;
  /** Its tokens are those of `atMs` (wall clock), and of any other moment between the two. */
  readonly tokens: { readonly atMs: number; readonly fromMs: number; readonly untilMs: number };
};

export type Source =
  | { readonly resource: string; readonly object: KubeObject }
  /** `spec`: of the pod. */
  | { readonly order: TokenOrder; readonly spec: object };

export type TokenTime = {
  readonly issuer: string;
  readonly nowMs: number;
  /** The node's agent is of before tokens: it gets pods as they were then, rather than refuse them. */
  readonly withoutTokens?: boolean;
};

export function project(
  view: Pick<View, 'get' | 'podsOn'>,
  node: string,
  hash: (source: Source) => string,
  { issuer, nowMs, withoutTokens = false }: TokenTime,
): Projection {
  const own = new Map<string, string>();
  const sources = new Map<string, Source>();
  const references = new Set<string>();
  const accounts = new Set<string>();
  const add = (key: string, source: Source) => {
    const name = hash(source);
    own.set(key, name);
    sources.set(name, source);
  };
  const addObject = (key: string, resource: string, object: KubeObject | undefined) => {
    if (object !== undefined) add(key, { resource, object });
  };
  const tokens = { atMs: nowMs, fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };
  addObject('node', 'nodes', view.get('nodes', '', node));
  for (const stored of view.podsOn(node)) {
    const pod = withoutTokens ? bare(stored) : stored;
    addObject(`pods/${pod.metadata.uid ?? ''}`, 'pods', pod);
    for (const reference of referencesOf(pod)) references.add(reference);
    const account = accountOf(pod);
    if (account === undefined) continue;
    accounts.add(`serviceaccounts/${pod.metadata.namespace ?? ''}/${account}`);
    const { orders, fromMs, untilMs } = tokenOrders(pod, view, issuer, nowMs);
    tokens.fromMs = Math.max(tokens.fromMs, fromMs);
    tokens.untilMs = Math.min(tokens.untilMs, untilMs);
    for (const order of orders) add(order.key, { order, spec: specOf(pod) });
  }
  for (const reference of references) {
    const [resource = '', namespace = '', name = ''] = reference.split('/');
    addObject(reference, resource, view.get(resource, namespace, name));
  }
  return { own, sources, references: new Set([...references, ...accounts]), tokens };
}

function bare(pod: KubeObject): KubeObject {
  // Stored pods were decoded against the pod's schema.
  const { spec } = pod as Pod;
  const without = spec && withoutTokenVolume(spec);
  return without === spec ? pod : { ...pod, spec: without };
}

function specOf(pod: KubeObject): object {
  const { spec } = pod;
  return typeof spec === 'object' && spec !== null ? spec : pod;
}
