/** ControllerRevisions: the row. Immutable snapshots of a template; only the revision number may change. */
import { semanticEqual } from '../equal.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import type { ControllerRevision } from '../generated/types.ts';
import { IMMUTABLE, NOT_NEGATIVE } from '../names.ts';
import { controllerOf } from '../object.ts';
import { parseApiVersion } from '../registry.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, NAME_COLUMN, NONE } from './columns.ts';

export type { ControllerRevision } from '../generated/types.ts';

export const controllerRevisionResource: Resource = defineResource<ControllerRevision>({
  id: 'controllerrevisions.apps',
  group: 'apps',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  kind: 'ControllerRevision',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.apps.v1.ControllerRevision' }],
  fields: {},
  columns: [
    NAME_COLUMN,
    column('Controller', 'string', 'Whose history it belongs to.'),
    column('Revision', 'string', 'Its place in that history.'),
    AGE_COLUMN,
  ],
  cells: (object, now) => [
    object.metadata.name ?? '',
    controllerText(object),
    object.revision ?? 0,
    age(object.metadata.creationTimestamp, now),
  ],
  subresources: {},
  strategy: { default: (object) => ({ ...object, revision: object.revision ?? 0 }), validate, validateUpdate },
});

/** `daemonset.apps/web`. */
function controllerText(object: ControllerRevision): string {
  const owner = controllerOf(object);
  if (owner === undefined) return NONE;
  const { group } = parseApiVersion(owner.apiVersion);
  const kind = group === '' ? owner.kind : `${owner.kind}.${group}`;
  return `${kind.toLowerCase()}/${owner.name}`;
}

function validate({ data, revision }: ControllerRevision): readonly FieldError[] {
  return [
    ...(data === undefined || data === null ? [required('data', 'data is mandatory')] : []),
    ...(revision < 0 ? [invalid('revision', revision, NOT_NEGATIVE)] : []),
  ];
}

function validateUpdate(next: ControllerRevision, old: ControllerRevision): readonly FieldError[] {
  return semanticEqual(next.data, old.data) ? [] : [invalid('data', next.data, IMMUTABLE)];
}
