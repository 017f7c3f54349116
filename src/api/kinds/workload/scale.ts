/** The Scale view (autoscaling/v1) of kinds that have spec.replicas and a selector. */
import type { LabelSelector, Scale } from '../../generated/types.ts';
import type { KubeObject } from '../../object.ts';
import type { Cell, Subresource } from '../../resource.ts';
import { age } from '../age.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../columns.ts';
import { selectorText } from './template-cells.ts';

type Scalable = KubeObject & {
  readonly spec?: { readonly replicas?: number; readonly selector: LabelSelector };
  readonly status?: { readonly replicas?: number };
};

export function scaleSubresource<T extends Scalable>(): Subresource<T> {
  return { type: 'scale', toScale, fromScale, columns: COLUMNS, cells };
}

const COLUMNS = [
  NAME_COLUMN,
  column('Desired', 'integer', 'Replicas wanted.'),
  column('Available', 'integer', 'Replicas there are.'),
  AGE_COLUMN,
];

function cells(object: KubeObject, now: number): readonly Cell[] {
  // Sound: only what toScale made is shown.
  const { metadata, spec, status } = object as Scale;
  return [metadata.name ?? '', spec?.replicas ?? 0, status?.replicas ?? 0, age(metadata.creationTimestamp, now)];
}

function toScale({ metadata, spec, status }: Scalable): Scale {
  const { name = '', namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = selectorText(spec?.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: spec?.replicas === undefined || spec.replicas === 0 ? {} : { replicas: spec.replicas },
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

function fromScale<T extends Scalable>(object: T, scale: KubeObject): T {
  // Sound: the body was decoded as io.k8s.api.autoscaling.v1.Scale.
  const replicas = (scale as Scale).spec?.replicas ?? 0;
  return { ...object, spec: { ...object.spec, replicas } };
}
