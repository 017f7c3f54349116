import type { KubeObject } from '../../src/api/object.ts';

/** RFC 7386, and a generation that counts changes of the spec, for tests of controllers without the pipeline. */
export function mergePatched(object: KubeObject, patch: unknown): KubeObject {
  // Sound: a merge patch of an object gives an object.
  const next = merge(object, patch) as KubeObject;
  const specChanged = JSON.stringify(next['spec']) !== JSON.stringify(object['spec']);
  return specChanged ? { ...next, metadata: { ...next.metadata, generation: (next.metadata.generation ?? 1) + 1 } } : next;
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? (target as Record<string, unknown>) : {};
  const next: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else next[key] = merge(base[key], value);
  }
  return next;
}
