import { controllerOf, type KubeObject } from '../../src/api/object.ts';
import type { Change } from '../../src/rest/change.ts';
import type { Controller, Outcome } from '../../src/server/controllers/controller.ts';
import type { View } from '../../src/server/view.ts';
import { mergePatched } from './merge-patch.ts';

/** What stands in a view: an object with the resource it is kept under. */
export type Standing = { readonly resource: string; readonly object: KubeObject };

/** A view of just these objects, as the store would give it. `silentMs`: for sinceWriteMs, by `resource/namespace/name`. */
export function viewOf(standing: readonly Standing[], silentMs: Readonly<Record<string, number>> = {}): View {
  const place = ({ metadata }: KubeObject) => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  const sorted = standing.toSorted((a, b) => (place(a.object) < place(b.object) ? -1 : 1));
  const list = (resource: string, namespace?: string) =>
    sorted
      .filter(
        (each) => each.resource === resource && (namespace === undefined || (each.object.metadata.namespace ?? '') === namespace),
      )
      .map(({ object }) => object);
  return {
    revision: 1,
    list,
    get: (resource, namespace, name) => list(resource, namespace).find(({ metadata }) => metadata.name === name),
    dependents: (uid) =>
      sorted.filter(({ object }) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true),
    uncontrolled: (resource, namespace) => list(resource, namespace).filter((object) => controllerOf(object) === undefined),
    podsOn: (node) => list('pods').filter((object) => (object as { spec?: { nodeName?: string } }).spec?.nodeName === node),
    sinceWriteMs: (resource, namespace, name) => silentMs[`${resource}/${namespace}/${name}`] ?? 0,
  };
}

/** Changes as short sentences: what is asked of which object, without what would only repeat the object. */
export function sentenceOf(change: Change): string {
  switch (change.verb) {
    case 'create':
      return `create ${change.resource} ${change.object.metadata.name ?? `${change.object.metadata.generateName}*`}`;
    case 'update':
      return `update ${change.resource}${change.subresource === undefined ? '' : `/${change.subresource}`} ${change.object.metadata.name}`;
    case 'patch':
      return `patch ${change.resource}${change.subresource === undefined ? '' : `/${change.subresource}`} ${change.name} ${JSON.stringify(change.patch)}`;
    case 'delete':
      return `delete ${change.resource} ${change.name}${change.propagationPolicy === undefined ? '' : ` (${change.propagationPolicy})`}${change.gracePeriodSeconds === undefined ? '' : ` at once`}`;
    case 'bind':
      return `bind ${change.name} to ${change.node}`;
  }
}

/**
 * A world that carries a controller's changes out on plain objects, well enough for its unit tests: uids, versions, generations, merge
 * patches. Admission, validation and the rest of the pipeline are not here; the simulator runs the real one.
 */
export class World {
  objects: Standing[] = [];
  readonly story: string[] = [];
  readonly notes: string[] = [];
  #count = 0;

  add(resource: string, object: KubeObject): KubeObject {
    this.#count += 1;
    const suffix = this.#count.toString(36).padStart(5, '0');
    const name = object.metadata.name ?? `${object.metadata.generateName ?? ''}${suffix}`;
    const metadata = { creationTimestamp: '2026-01-01T00:00:00Z', generation: 1, uid: `uid-${name}`, ...object.metadata, name };
    const made = { ...object, metadata };
    this.objects.push({ resource, object: made });
    return made;
  }

  edit<T extends KubeObject>(resource: string, name: string, how: (object: T) => T): void {
    this.objects = this.objects.map((each) =>
      each.resource === resource && each.object.metadata.name === name ? { resource, object: how(each.object as T) } : each,
    );
  }

  remove(resource: string, name: string): void {
    this.objects = this.objects.filter((each) => each.resource !== resource || each.object.metadata.name !== name);
  }

  all(resource: string): readonly KubeObject[] {
    return this.objects.filter((each) => each.resource === resource).map(({ object }) => object);
  }

  view(silentMs?: Readonly<Record<string, number>>): View {
    return viewOf(this.objects, silentMs);
  }

  /** Runs one key once and carries its changes out. */
  run(controller: Controller, key: string, now: number): Outcome {
    const outcome = controller.reconcile(key, this.view(), now);
    for (const change of outcome.changes) this.#carryOut(change);
    for (const { message } of outcome.events ?? []) this.notes.push(message);
    return outcome;
  }

  #carryOut(change: Change): void {
    if (change.verb !== 'patch' || change.subresource !== 'status') this.story.push(sentenceOf(change));
    if (change.verb === 'create') this.add(change.resource, change.object);
    else if (change.verb === 'delete') this.remove(change.resource, change.name);
    else if (change.verb === 'update') this.edit(change.resource, change.object.metadata.name ?? '', () => change.object);
    else if (change.verb === 'patch') this.edit(change.resource, change.name, (object) => mergePatched(object, change.patch));
  }
}
