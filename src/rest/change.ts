import type { KubeObject } from '#api/object.ts';

/** Who asks. Groups include `system:authenticated` or `system:unauthenticated`. */
export type User = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

/**
 * What a controller, the scheduler or an agent's report asks of the pipeline: a request with its own user and field manager, so that
 * admission, validation and ownership hold for it as for anyone.
 */
export type Change =
  | { readonly verb: 'create'; readonly resource: string; readonly object: KubeObject }
  | { readonly verb: 'update'; readonly resource: string; readonly subresource?: string; readonly object: KubeObject }
  | {
      readonly verb: 'patch';
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace: string;
      readonly name: string;
      readonly patchType: 'strategic' | 'merge' | 'json';
      readonly patch: unknown;
      /** The object must still be this one. */
      readonly uid?: string;
    }
  | {
      readonly verb: 'delete';
      readonly resource: string;
      readonly namespace: string;
      readonly name: string;
      readonly uid?: string;
      readonly resourceVersion?: string;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
    }
  | { readonly verb: 'bind'; readonly namespace: string; readonly name: string; readonly uid: string; readonly node: string };

export type Author = { readonly user: User; readonly fieldManager: string };
