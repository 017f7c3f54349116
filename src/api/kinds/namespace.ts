/** Namespaces: the row. Emptying one that is being deleted is a controller's work, done through spec.finalizers. */
import { invalid } from '../field-error.ts';
import type { Namespace } from '../generated/types.ts';
import { qualifiedNameProblems } from '../names.ts';
import { defineResource, VERBS, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { at } from './blank.ts';
import { invalidFor, NO_ERRORS } from './check.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';
import { validateKnownFinalizer } from './meta.ts';
import { omit } from '../omit.ts';

export type { Namespace, NamespaceSpec, NamespaceStatus } from '../generated/types.ts';

/** The finalizer that keeps a namespace until everything in it is gone. */
export const NAMESPACE_FINALIZER = 'kubernetes';
const NAME_LABEL = 'kubernetes.io/metadata.name';

export const namespaceResource: Resource = defineResource<Namespace>({
  id: 'namespaces',
  group: '',
  plural: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  shortNames: ['ns'],
  categories: [],
  namespaced: false,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Namespace' }],
  only: { verbs: VERBS.filter((verb) => verb !== 'deletecollection') },
  fields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  columns: [NAME_COLUMN, column('Status', 'string', 'Active, or Terminating.'), AGE_COLUMN],
  cells: ({ metadata, status }, now) => [metadata.name ?? '', status?.phase ?? '', age(metadata.creationTimestamp, now)],
  subresources: {
    status: { type: 'status' },
    finalize: {
      type: 'update',
      prepare: (next, old) => withFinalizersOf(old, next),
    },
  },
  strategy: {
    default: withNameLabel,
    prepareForCreate: (namespace) => {
      const finalizers = namespace.spec?.finalizers ?? [];
      return {
        ...withNameLabel(namespace),
        spec: {
          ...namespace.spec,
          finalizers: finalizers.includes(NAMESPACE_FINALIZER) ? finalizers : [...finalizers, NAMESPACE_FINALIZER],
        },
        status: { phase: 'Active' },
      };
    },
    /** Finalizers change through namespaces/finalize only. */
    prepareForUpdate: (next, old) => withFinalizersOf(next, old),
    validate: ({ spec }) =>
      (spec?.finalizers ?? []).flatMap((finalizer, index) => [
        ...invalidFor('spec.finalizers', finalizer, qualifiedNameProblems(finalizer)),
        ...validateKnownFinalizer(finalizer, at('spec.finalizers', index)),
      ]),
    validateStatusUpdate: ({ metadata, status }) => {
      const phase = status?.phase ?? '';
      if (metadata.deletionTimestamp === undefined) {
        return phase === 'Active'
          ? NO_ERRORS
          : [invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")];
      }
      return phase === 'Terminating'
        ? NO_ERRORS
        : [invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
    },
    nameRule: 'label',
  },
});

function withFinalizersOf(namespace: Namespace, other: Namespace): Namespace {
  const finalizers = other.spec?.finalizers ?? [];
  return {
    ...namespace,
    spec: { ...omit(namespace.spec ?? {}, 'finalizers'), ...(finalizers.length === 0 ? {} : { finalizers }) },
  };
}

/** Every namespace can be selected by its name. A name still to be generated is labelled when it is there. */
function withNameLabel(namespace: Namespace): Namespace {
  const { name = '', labels } = namespace.metadata;
  const plain = { ...namespace, spec: { ...namespace.spec }, status: { ...namespace.status } };
  if (name === '' || labels?.[NAME_LABEL] === name) return plain;
  return { ...plain, metadata: { ...namespace.metadata, labels: { ...labels, [NAME_LABEL]: name } } };
}
