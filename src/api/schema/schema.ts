/**
 * What a field may hold, as data. The built-in definitions are generated (build/schema) from the pinned client models, the table of
 * merge keys and the table of protobuf field numbers; a CustomResourceDefinition will bring definitions of its own.
 */
export type Schema = {
  /** By OpenAPI definition name, `io.k8s.api.core.v1.Pod`. */
  readonly definition: (name: string) => Definition | undefined;
  /** By protobuf name, which is the definition's without its first two parts: `api.core.v1.Pod`. */
  readonly message: (name: string) => Message | undefined;
};

/**
 * Fields of a protobuf message by their numbers. A type is a scalar (`string`, `bytes`, `bool`, `int32`, `int64`, `double`), the name of a
 * message, `[]` before one of these, or `map<string,…>` around one. A field without a name holds what stands in its parent in JSON.
 */
export type Message = Readonly<Record<string, readonly [name: string, type: string]>>;

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
  /** True where an empty text, false, 0, or a list or map of nothing is the same as no field, and is left out. */
  readonly omitsZero?: boolean;
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
  | { readonly type: 'integer'; readonly bits: 32 | 64 }
  | { readonly type: 'ref'; readonly definition: string }
  | { readonly type: 'list'; readonly items: FieldType }
  | { readonly type: 'map'; readonly values: FieldType };
