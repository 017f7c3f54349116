/** Leases (coordination.k8s.io): the row. Those of nodes live in memory: a heartbeat never reaches the disk. */
import type { Lease } from '../generated/types.ts';
import { forbidden, invalid, type FieldError } from '../field-error.ts';
import { defineResource, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { notNegative, oneOf } from './check.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './columns.ts';

export type { Lease, LeaseSpec } from '../generated/types.ts';

export const NODE_LEASE_NAMESPACE = 'kube-node-lease';
const STRATEGIES = ['OldestEmulationVersion'];

export const leaseResource: Resource = defineResource<Lease>({
  id: 'leases.coordination.k8s.io',
  group: 'coordination.k8s.io',
  plural: 'leases',
  singular: 'lease',
  kind: 'Lease',
  shortNames: [],
  categories: [],
  namespaced: true,
  versions: [{ version: 'v1', definition: 'io.k8s.api.coordination.v1.Lease' }],
  fields: {},
  columns: [NAME_COLUMN, column('Holder', 'string', 'Who holds it.'), AGE_COLUMN],
  cells: ({ metadata, spec }, now) => [metadata.name ?? '', spec?.holderIdentity ?? '', age(metadata.creationTimestamp, now)],
  subresources: {},
  strategy: {
    default: (lease) => ({ ...lease, spec: lease.spec ?? {} }),
    validate,
    createOnUpdate: true,
    unconditionalUpdate: false,
    backend: ({ metadata }) => (metadata.namespace === NODE_LEASE_NAMESPACE ? 'memory' : 'disk'),
  },
});

function validate({ spec }: Lease): readonly FieldError[] {
  const { leaseDurationSeconds, leaseTransitions, strategy = '', preferredHolder = '' } = spec ?? {};
  return [
    ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0
      ? [invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...notNegative('spec.leaseTransitions', leaseTransitions),
    ...(strategy === '' || strategy.includes('/') ? [] : oneOf('spec.strategy', strategy, STRATEGIES)),
    ...(preferredHolder !== '' && strategy === ''
      ? [forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')]
      : []),
  ];
}
