/** POST pods/binding: the one write that gives a pod its node (pkg/registry/core/pod/storage BindingREST). */
import { notSupported, required, type FieldError } from '../../field-error.ts';
import type { Binding, Pod, PodCondition } from '../../generated/types.ts';
import { conflictError } from '../../status.ts';
import { setCondition } from '../conditions.ts';
import { omit } from '../../omit.ts';

const BINDINGS = { group: '', name: 'pods/binding' };

export function validateBinding({ target }: Partial<Binding>): readonly FieldError[] {
  const { kind = '', name = '' } = target ?? {};
  return [
    ...(kind === '' || kind === 'Node' ? [] : [notSupported('target.kind', kind, ['Node', '<empty>'])]),
    ...(name === '' ? [required('target.name')] : []),
  ];
}

/** The pod with its node, and the binding's annotations and labels. Throws Conflict where it has one, or is going, or is gated. */
export function bindPod(pod: Pod, binding: Binding, now: number): Pod {
  const { name = '', deletionTimestamp, uid } = pod.metadata;
  const refuse = (why: string): Error => conflictError(BINDINGS, name, why);
  const wanted = binding.metadata.uid;
  if (wanted !== undefined && wanted !== '' && wanted !== uid)
    throw refuse(`Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid}`);
  if (deletionTimestamp !== undefined) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const current = pod.spec?.nodeName ?? '';
  if (current !== '') throw refuse(`pod ${name} is already assigned to node "${current}"`);
  if ((pod.spec?.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const { annotations, labels } = binding.metadata;
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True' };
  const status = omit(pod.status ?? {}, 'nominatedNodeName');
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations === undefined ? {} : { annotations: { ...pod.metadata.annotations, ...annotations } }),
      ...(labels === undefined ? {} : { labels: { ...pod.metadata.labels, ...labels } }),
    },
    spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: binding.target.name ?? '' },
    status: { ...status, conditions: setCondition(status.conditions, scheduled, now) },
  };
}
