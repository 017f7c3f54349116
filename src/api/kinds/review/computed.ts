/** What reviews have in common: they are answered by the server and never kept. The answers are src/server/auth/reviews.ts. */
import { invalid, type FieldError } from '../../field-error.ts';
import type { KubeObject } from '../../object.ts';
import { omit } from '../../omit.ts';
import { defineResource, type Resource, type Strategy } from '../../resource.ts';
import { NAME_COLUMN } from '../columns.ts';

export type ComputedRow<T extends KubeObject> = Pick<Resource, 'group' | 'kind' | 'namespaced'> & {
  readonly validate: Strategy<T>['validate'];
};

/** The names of such kinds follow a rule: `SubjectAccessReview` is `subjectaccessreviews`. */
export function computedResource<T extends KubeObject>({ group, kind, namespaced, validate }: ComputedRow<T>): Resource {
  const singular = kind.toLowerCase();
  return defineResource<T>({
    id: `${singular}s.${group}`,
    group,
    plural: `${singular}s`,
    singular,
    kind,
    shortNames: [],
    categories: [],
    namespaced,
    versions: [{ version: 'v1', definition: `io.k8s.api.${group.split('.')[0] ?? ''}.v1.${kind}` }],
    only: { verbs: ['create'] },
    computed: true,
    fields: {},
    columns: [NAME_COLUMN],
    cells: ({ metadata }) => [metadata.name ?? ''],
    subresources: {},
    strategy: { default: (review) => review, validate },
  });
}

/** A review is about nothing that has a name; a local one is in its namespace. */
export function withoutMetadata({ metadata }: KubeObject): readonly FieldError[] {
  const given = omit(metadata, 'managedFields', 'namespace', 'creationTimestamp');
  return Object.keys(given).length === 0 ? [] : [invalid('metadata', given, 'must be empty')];
}
