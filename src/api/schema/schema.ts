/**
 * What a field may hold, as data. The built-in definitions are generated (build/schema) from the pinned client models, the table of
 * merge keys and the table of protobuf field numbers; a CustomResourceDefinition will bring definitions of its own.
 */
export type Schema = {
  /** By OpenAPI definition name, `io.k8s.api.core.v1.Pod`. */
  readonly definition: (name: string) => Definition | undefined;
};

export type Definition = {
  readonly name: string;
  readonly description: string;
  /** A scalar with its own JSON form instead of fields. `any` is kept as it comes (RawExtension, FieldsV1, JSON). */
  readonly scalar?: 'quantity' | 'time' | 'micro-time' | 'int-or-string' | 'any';
  readonly fields: Readonly<Record<string, Field>>;
};

export type Field = {
  readonly type: FieldType;
  readonly required: boolean;
  readonly description: string;
  /** Strategic merge patch (x-kubernetes-patch-strategy): a list or map without `merge` is atomic for it. */
  readonly patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey?: string;
  /** Server-side apply (x-kubernetes-list-type, -list-map-keys, -map-type). */
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
};

export type FieldType =
  | { readonly type: 'string' | 'boolean' | 'number' | 'bytes' }
  /** Absent: int64, of which JSON's numbers hold those up to 2^53 exactly. */
  | { readonly type: 'integer'; readonly format?: 'int32' }
  | { readonly type: 'ref'; readonly definition: string }
  | { readonly type: 'list'; readonly items: FieldType }
  | { readonly type: 'map'; readonly values: FieldType };
