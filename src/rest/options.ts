import type { KubeObject } from '#api/object.ts';
import type { Registry } from '#api/registry.ts';
import type { Resource, ResourceVersion } from '#api/resource.ts';
import type { Schema } from '#api/schema/schema.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { Log } from '#lib/log.ts';
import type { Admission } from './admission.ts';
import type { Answer, HttpRequest, Target, User } from './request.ts';
import type { Storage } from './storage.ts';

/** What the pipeline is made of. */
export type ApiOptions = {
  /** Read once at the beginning of a request, which keeps it to its end. */
  readonly registry: () => Registry;
  readonly schema: Schema;
  readonly storage: Storage;
  readonly admissions: readonly Admission[];
  readonly authorize: (user: User, target: Target) => Promise<Decision>;
  /** Answers of connect-type subresources, by `<resource id>/<subresource>`: `pods/log`. */
  readonly connectors: Readonly<Record<string, Connector>>;
  /** What comes into the world together with a new object, in one commit: a namespace is never seen without its service account. */
  readonly companions?: (resource: Resource, created: KubeObject) => readonly Companion[];
  /** Answers of computed kinds by `<resource id>`, and of computed subresources by `<resource id>/<subresource>`: `serviceaccounts/token`. */
  readonly computed: Readonly<Record<string, Computer>>;
  /** Paths of the product itself: `POST /skerry.dev/v1/join`, as `<method> <path>`. They are authorized like any path. */
  readonly paths: Readonly<Record<string, (request: HttpRequest) => Promise<Answer>>>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Of the product: `0.1.0`. */
  readonly release: string;
  /** Checks of /readyz by name; the text says why one fails. */
  readonly readiness: () => Readonly<Record<string, string | undefined>>;
  /** A stored object's JSON if it is at hand, so that a GET need not make it again. */
  readonly encoded?: (object: KubeObject) => Uint8Array | undefined;
};

export type Decision = { readonly allowed: boolean; readonly reason: string };

export type Connector = (call: {
  readonly object: KubeObject;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly signal: AbortSignal;
}) => Promise<Answer>;

/** `resource` is Resource.id. The pipeline gives it uid and creation time; its rules are not asked. */
export type Companion = { readonly resource: string; readonly object: KubeObject };

/** `object` was checked by its kind's rules; what comes back is answered as it is. Rejects with API errors. */
export type Computer = (asked: {
  readonly object: KubeObject;
  /** Of a subresource: the object that it is one of. */
  readonly parent?: KubeObject;
  readonly user: User;
}) => Promise<KubeObject>;

/** One request for one resource, routed and authorized. `namespace` is '' for cluster-scoped resources and for all namespaces. */
export type Call = {
  readonly api: ApiOptions;
  readonly resource: Resource;
  readonly version: ResourceVersion;
  readonly subresource: string;
  readonly namespace: string;
  readonly user: User;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
};
