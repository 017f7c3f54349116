/**
 * Empties a namespace that is being deleted, says that it is empty, then lets it go (pkg/controller/namespace/deletion). Pods go first: nothing that a running
 * pod may rely on is taken from it (upstream's OrderedNamespaceDeletion). What has finalizers, or is on a node out of reach, is waited for.
 */
import { NAMESPACE_FINALIZER, type Namespace } from '#api/kinds/namespace.ts';
import { setCondition } from '#api/kinds/conditions.ts';
import type { NamespaceCondition } from '#api/generated/types.ts';
import type { KubeObject } from '#api/object.ts';
import type { Registry } from '#api/registry.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';
import { deleteChange, statusChange } from './changes.ts';
import type { Controller, News, Outcome } from './controller.ts';

const RESOURCE = 'namespaces';
/** Deleted in one run; the rest follows at once in the next. */
const BURST_MAX = 500;

export function namespaceDeletion(registry: () => Registry): Controller {
  return {
    name: 'namespace',
    keysOf,
    keys: (view) => (view.list(RESOURCE) as readonly Namespace[]).filter(isGoing).map(({ metadata }) => metadata.name ?? ''),
    reconcile: (key, view, now) => {
      // Sound: the store keeps under this resource only objects of this kind.
      const namespace = view.get(RESOURCE, '', key) as Namespace | undefined;
      return namespace === undefined || !isGoing(namespace) ? { changes: [] } : reconcile(namespace, view, registry(), now);
    },
  };
}

type Content = { readonly resource: string; readonly objects: readonly KubeObject[] };

function reconcile(namespace: Namespace, view: View, registry: Registry, now: number): Outcome {
  const content = registry.resources
    .filter(({ namespaced }) => namespaced)
    .map(({ id }): Content => ({ resource: id, objects: view.list(id, namespace.metadata.name ?? '') }))
    .filter(({ objects }) => objects.length > 0);
  const pods = content.filter(({ resource }) => resource === 'pods');
  const deletes = (pods.length > 0 ? pods : content).flatMap(({ resource, objects }) =>
    objects
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((object) => deleteChange(resource, object, { propagationPolicy: 'Background' })),
  );
  const status = (failure?: string) =>
    statusChange(RESOURCE, namespace, {
      ...namespace.status,
      phase: 'Terminating',
      conditions: conditionsOf(namespace, content, failure, now),
    });
  const said = status();
  return {
    // What was admitted before the namespace began to go may still be on its way to the disk: it is there before the word that nothing is.
    changes: content.length === 0 && said.length === 0 ? [finalize(namespace)] : [...deletes.slice(0, BURST_MAX), ...said],
    refused: ({ why }) => ({ changes: status(`Failed to delete all resource types, ${content.length} remaining: ${why}`) }),
  };
}

function finalize(namespace: Namespace): Change {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== NAMESPACE_FINALIZER);
  return {
    verb: 'update',
    resource: RESOURCE,
    subresource: 'finalize',
    object: { ...namespace, spec: { ...namespace.spec, finalizers } },
  };
}

function conditionsOf(
  namespace: Namespace,
  content: readonly Content[],
  failure: string | undefined,
  now: number,
): readonly NamespaceCondition[] {
  const remaining = content.map(({ resource, objects }) => `${resource} has ${objects.length} resource instances`);
  const counts = new Map<string, number>();
  for (const finalizer of content.flatMap(({ objects }) => objects.flatMap(({ metadata }) => metadata.finalizers ?? [])))
    counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  const finalizers = [...counts].map(([name, count]) => `${name} in ${count} resource instances`).toSorted();
  const said: readonly NamespaceCondition[] = [
    says('NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered'),
    says(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failure === undefined
      ? says(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        )
      : says('NamespaceDeletionContentFailure', true, 'ContentDeletionFailed', failure),
    remaining.length > 0
      ? says('NamespaceContentRemaining', true, 'SomeResourcesRemain', `Some resources are remaining: ${remaining.join(', ')}`)
      : says('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'),
    finalizers.length > 0
      ? says(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers.join(', ')}`,
        )
      : says('NamespaceFinalizersRemaining', false, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
  ];
  return said.reduce<readonly NamespaceCondition[]>(
    (list, each) => setCondition(list, each, now),
    namespace.status?.conditions ?? [],
  );
}

function says(type: string, holds: boolean, reason: string, message: string): NamespaceCondition {
  return { type, status: holds ? 'True' : 'False', reason, message };
}

function isGoing({ metadata, spec }: Namespace): boolean {
  return metadata.deletionTimestamp !== undefined && spec?.finalizers?.includes(NAMESPACE_FINALIZER) === true;
}

/** The namespace itself, and whatever happens in one that is going. */
function keysOf({ resource, before, after }: News, view: View): readonly string[] {
  const { metadata } = after ?? before ?? {};
  if (resource === RESOURCE) return after?.metadata.deletionTimestamp === undefined ? [] : [after.metadata.name ?? ''];
  const name = metadata?.namespace ?? '';
  if (name === '') return [];
  return view.get(RESOURCE, '', name)?.metadata.deletionTimestamp === undefined ? [] : [name];
}
