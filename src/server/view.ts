import type { KubeObject } from '#api/object.ts';

/**
 * The committed state as the loops see it: synchronous, in memory, one revision. Objects are immutable; lists are in the order
 * namespace, name. Implemented by the store; tests build one from a list of objects.
 */
export type View = {
  readonly revision: number;
  readonly get: (resource: string, namespace: string, name: string) => KubeObject | undefined;
  readonly list: (resource: string, namespace?: string) => readonly KubeObject[];
  /** Objects of any resource that name this uid as an owner, with the resource each is kept under. */
  readonly dependents: (ownerUid: string) => readonly Kept[];
  /** Objects of this resource that no owner controls: what a controller may adopt. Few, where an index makes them cheap. */
  readonly uncontrolled: (resource: string, namespace: string) => readonly KubeObject[];
  /** Pods whose spec.nodeName is this. */
  readonly podsOn: (node: string) => readonly KubeObject[];
  /**
   * Milliseconds, by a clock that never jumps, since this object was last written, or since the store was opened if that is later (or
   * the object is not there). What node liveness is made of: the age of the node's Lease.
   */
  readonly sinceWriteMs: (resource: string, namespace: string, name: string) => number;
};

export type Kept = { readonly resource: string; readonly object: KubeObject };
