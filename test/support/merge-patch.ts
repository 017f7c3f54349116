import type { Json, KubeObject } from '../../src/api/object.ts';
import { applyMergePatch } from '../../src/api/patch/merge-patch.ts';

/** A merge patch, and a generation that counts changes of the spec, for tests of controllers without the pipeline. */
export function mergePatched(object: KubeObject, patch: unknown): KubeObject {
  // Sound: objects and the patches of changes are JSON, and a merge patch of an object gives an object.
  const next = applyMergePatch(object as Json, patch as Json) as unknown as KubeObject;
  const specChanged = JSON.stringify(next['spec']) !== JSON.stringify(object['spec']);
  return specChanged ? { ...next, metadata: { ...next.metadata, generation: (next.metadata.generation ?? 1) + 1 } } : next;
}
