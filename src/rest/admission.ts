import type { KubeObject } from '#api/object.ts';
import type { Resource } from '#api/resource.ts';
import type { ListQuery, ListResult, Key } from './storage.ts';
import type { User } from './request.ts';

/**
 * One admission plugin, built in or (later) a webhook. Mutating ones run in the order given, after defaulting; then the object is
 * defaulted again and validated; then the validating ones run. A refusal is a thrown API error, mostly Forbidden.
 */
export type Admission = {
  readonly name: string;
  readonly mutate?: (attempt: Attempt, state: AdmissionState) => Promise<KubeObject>;
  readonly validate?: (attempt: Attempt, state: AdmissionState) => Promise<void>;
};

/** What is about to happen. `object` is absent for a delete, `old` for a create. */
export type Attempt = {
  readonly verb: 'create' | 'update' | 'delete';
  readonly resource: Resource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly object?: KubeObject;
  readonly old?: KubeObject;
  readonly user: User;
  readonly dryRun: boolean;
  /** Adds a `Warning: 299` header to the answer. */
  readonly warn: (text: string) => void;
};

/** Committed state, as Storage (./storage.ts) gives it. */
export type AdmissionState = {
  readonly get: (key: Key) => Promise<KubeObject | undefined>;
  readonly list: (query: ListQuery) => Promise<ListResult>;
};
