import type { KubeObject } from '#api/object.ts';
import type { Call } from './options.ts';

/** Through the scale subresource an object shows itself as a Scale of autoscaling/v1, and is written as one. */
export const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;
export const SCALE_DEFINITION = 'io.k8s.api.autoscaling.v1.Scale';

/** What the caller sees of a stored object. */
export function viewOf(call: Call, object: KubeObject): KubeObject {
  const door = call.resource.subresources[call.subresource];
  return door?.type === 'scale' ? door.toScale(object) : object;
}

/** The stored object as the caller, who has seen its view, wishes it. */
export function unviewed(call: Call, old: KubeObject, wished: KubeObject): KubeObject {
  const door = call.resource.subresources[call.subresource];
  if (door?.type !== 'scale') return wished;
  const { resourceVersion, uid } = wished.metadata;
  const scaled = door.fromScale(old, wished);
  const meant = { ...(resourceVersion === undefined ? {} : { resourceVersion }), ...(uid === undefined ? {} : { uid }) };
  return { ...scaled, metadata: { ...scaled.metadata, ...meant } };
}
