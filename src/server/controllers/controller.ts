import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';

/**
 * A controller is level-triggered and pure: given a key and the state, what should change. It is given a key and never an event; the
 * same input gives the same output. The shell (src/server/loops.ts) drives every controller with the one runner, carries the changes
 * out through the pipeline as `system:controller:<name>`, and runs a key again only on a view at or above its last commit.
 */
export type Controller = {
  readonly name: string;
  /** The keys that one committed write may concern. */
  readonly keysOf: (news: News, view: View) => readonly string[];
  /** Every key there is: at start and on the periodic pass. */
  readonly keys: (view: View) => readonly string[];
  readonly reconcile: (key: string, view: View, now: number) => Outcome;
};

export type News = { readonly resource: string; readonly before?: KubeObject; readonly after?: KubeObject };

export type Outcome = {
  readonly changes: readonly Change[];
  /** Look again then though nothing changed (a deadline, a progress timeout). */
  readonly afterMs?: number;
  /** Recorded once all changes are committed. What is created for an owner, or deleted, the shell records by itself. */
  readonly events?: readonly Note[];
  /** What is true and worth saying where one of the changes was refused: it is written in place of those that then were not tried. */
  readonly refused?: (refusal: Refusal) => Pick<Outcome, 'changes' | 'events'>;
};

/** `why`: for people. */
export type Refusal = { readonly change: Change; readonly why: string };

/** One line of `kubectl describe`. */
export type Note = {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};
