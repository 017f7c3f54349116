/**
 * How a database's schema moves on while the release before must still be able to open it: numbered steps, run in order, each additive
 * (tables, columns with a default, indexes: a release that does not know them reads and writes as ever, so a later one must bear rows
 * without them) or destructive. A release on trial runs only additive ones. The file says from which schema on a release can use it, so
 * that one which knows fewer steps can tell whether those it does not know are harmless.
 */
export type SchemaStep = { readonly version: number; readonly kind: 'additive' | 'destructive'; readonly sql: string };

/** `version`: of the last step that was run. `usableFrom`: the lowest last step that a release may know to use it. */
export type SchemaMark = { readonly version: number; readonly usableFrom: number };

export type SchemaPlan =
  | { readonly type: 'too-new'; readonly known: number }
  | { readonly type: 'run'; readonly steps: readonly SchemaStep[]; readonly mark: SchemaMark };

export const EMPTY_FILE: SchemaMark = { version: 0, usableFrom: 0 };

/** `steps`: in order, numbered from 1 without a gap. */
export function planSchema(steps: readonly SchemaStep[], found: SchemaMark, onTrial: boolean): SchemaPlan {
  const known = steps.length;
  if (found.version > known)
    return found.usableFrom > known ? { type: 'too-new', known } : { type: 'run', steps: [], mark: found };
  const due = steps.filter(({ version }) => version > found.version);
  const end = onTrial ? due.findIndex(({ kind }) => kind === 'destructive') : -1;
  const run = end < 0 ? due : due.slice(0, end);
  const usableFrom = run.reduce((from, { version, kind }) => (kind === 'destructive' ? version : from), found.usableFrom);
  return {
    type: 'run',
    steps: run,
    mark: { version: run.at(-1)?.version ?? found.version, usableFrom: Math.max(1, usableFrom) },
  };
}

/** What a file says of itself; one that says only its version (as schema 1 did) is for whoever knows that one. */
export function schemaMark(version: number, usableFrom: unknown): SchemaMark {
  const from = Number(usableFrom ?? version);
  return { version, usableFrom: Number.isSafeInteger(from) && from >= 1 && from <= version ? from : version };
}
