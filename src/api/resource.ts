import type { FieldError } from './field-error.ts';
import type { KubeObject } from './object.ts';

/**
 * A resource is a row of data: its names, versions, columns, subresources and the pure functions of its kind. Routing, discovery,
 * OpenAPI, Table output, garbage collection and apply read only the row, so that adding a kind is adding one home (src/api/kinds).
 */
export type Resource<T extends KubeObject = KubeObject> = {
  /** Storage identity, `plural` or `plural.group`: `pods`, `deployments.apps`. */
  readonly id: string;
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Served versions, preferred first; objects are stored in that of the first entry. Each names its schema definition. */
  readonly versions: readonly ResourceVersion[];
  /** Where not every verb is served: those that are, and what is said to who asks for another, if more than that. Default: all. */
  readonly only?: { readonly verbs: readonly Verb[]; readonly why?: string };
  /** Answered by the server's own part (ApiOptions.computed) and never kept: only create. */
  readonly computed?: true;
  /** Selectable fields beside metadata.name and metadata.namespace; a value is compared as text, absent is ''. */
  readonly fields: Readonly<Record<string, (object: T) => string>>;
  readonly columns: readonly Column[];
  /** One row of the Table, a cell per column. `now` in ms since the epoch, for ages. */
  readonly cells: (object: T, now: number) => readonly Cell[];
  readonly subresources: Readonly<Record<string, Subresource<T>>>;
  readonly strategy: Strategy<T>;
};

/** As upstream's RequestInfo and discovery call them. */
export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export type ResourceVersion = { readonly version: string; readonly definition: string };

export type Column = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: 'name';
  readonly description: string;
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: 0 | 1;
};

export type Cell = string | number | boolean | null;

/**
 * status: writes reach only `status` (and the metadata that is free to change).
 * scale: a view of another kind on the same object.
 * update: PUT of the same kind that reaches only what `prepare` takes over from it (namespaces/finalize).
 * create: POST of another kind that changes the object (binding, eviction).
 * computed: POST of another kind that is answered and changes nothing (a token).
 * connect: answered by a connector of the server (log, exec).
 */
export type Subresource<T extends KubeObject = KubeObject> =
  | { readonly type: 'status' }
  | {
      readonly type: 'update';
      /** `old` with the fields of `next` that this subresource may write. */
      readonly prepare: (next: T, old: T) => T;
    }
  | {
      readonly type: 'scale';
      readonly toScale: (object: T) => KubeObject;
      /** The object with the scale's spec.replicas. */
      readonly fromScale: (object: T, scale: KubeObject) => T;
      /** Of the Scale's own Table. */
      readonly columns: readonly Column[];
      readonly cells: (scale: KubeObject, now: number) => readonly Cell[];
    }
  | {
      readonly type: 'create';
      readonly group: string;
      readonly version: string;
      readonly kind: string;
      readonly definition: string;
      readonly validate: (body: KubeObject, object: T) => readonly FieldError[];
      /** The changed object; throws an API error (src/api/status.ts) where the object's state does not allow it. */
      readonly apply: (object: T, body: KubeObject, now: number) => T;
    }
  | {
      readonly type: 'computed';
      readonly group: string;
      readonly version: string;
      readonly kind: string;
      readonly definition: string;
      readonly validate: (body: KubeObject) => readonly FieldError[];
    }
  | {
      readonly type: 'connect';
      readonly verbs: readonly ('get' | 'create')[];
      readonly group: string;
      readonly version: string;
      readonly kind: string;
    };

/** The rules of a kind. All pure; each takes and gives whole objects. */
export type Strategy<T extends KubeObject = KubeObject> = {
  /** Fills what the user left out, on every write, before admission (upstream: pkg/apis/<group>/<version>/defaults.go). */
  readonly default: (object: T) => T;
  /** On create, after defaulting: what users may not set is set here (`status.phase: Pending`); default: status is dropped if the kind has the subresource. */
  readonly prepareForCreate?: (object: T) => T;
  /** On update: what users may not change is kept from `old`. Status and generation are handled by the pipeline. */
  readonly prepareForUpdate?: (next: T, old: T) => T;
  /** On update of the status: what its writers may leave out is kept from `old`. */
  readonly prepareForStatusUpdate?: (next: T, old: T) => T;
  readonly validate: (object: T) => readonly FieldError[];
  readonly validateUpdate?: (next: T, old: T) => readonly FieldError[];
  readonly validateStatusUpdate?: (next: T, old: T) => readonly FieldError[];
  /** Which name rule of RFC 1123 or 1035 `metadata.name` must follow. Default: subdomain. */
  readonly nameRule?: 'subdomain' | 'label' | 'service' | 'path-segment';
  /** What changes `metadata.generation` counts: of the spec, or, where there is none, of all but the metadata, and of the labels. */
  readonly generation?: 'spec' | 'object';
  /** PUT of a missing name creates it (upstream AllowCreateOnUpdate: leases, events, services' endpoints). */
  readonly createOnUpdate?: boolean;
  /** False where a PUT must name the revision that it replaces (upstream AllowUnconditionalUpdate: leases). Default: true. */
  readonly unconditionalUpdate?: boolean;
  /** Seconds between a delete and the removal; 0 removes at once. `requested` is the caller's gracePeriodSeconds. */
  readonly gracePeriodSeconds?: (object: T, requested: number | undefined) => number;
  /** Names that exist at most once in the cluster and go with the object (a cluster IP, a pod CIDR): guarded by rows in the same commit. */
  readonly claims?: (object: T) => readonly string[];
  /** Where the object is kept. 'memory' never reaches the disk and is gone after a restart. */
  readonly backend?: (object: T) => 'disk' | 'memory';
};

/** Declares a row with its own type and gives it out under the common one. */
export function defineResource<T extends KubeObject>(row: Resource<T>): Resource {
  // Sound: the registry hands each row only objects that were decoded and checked against the row's own schema.
  return row as unknown as Resource;
}
