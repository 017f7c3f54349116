import type { KubeObject } from '#api/object.ts';

/** The object with this value of a field of its kind (`status`, `spec`); undefined leaves the field out. */
export function withField(object: KubeObject, field: string, value: unknown): KubeObject {
  const { [field]: _, ...rest } = object;
  // Sound: the fields of KubeObject itself are never the one that is exchanged.
  return (value === undefined ? rest : { ...rest, [field]: value }) as KubeObject;
}
