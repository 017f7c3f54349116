import { SkerryError, explain } from '#lib/error.ts';

/**
 * Failures as lines for people. What the server refused is told in kubectl's words, `Error from server (NotFound): pods "x" not found`: they are
 * what users of any Kubernetes know, search for and match on. All else begins with the program's own name.
 */
export function failureText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return [...new Set(error.errors.map(failureText))].join('');
  if (isRefusal(error)) return `Error from server (${error.code}): ${explain(error.cause)}\n`;
  return `skerry: ${explain(error)}\n`;
}

/** The server answered, and said no. */
export function isRefusal(error: unknown): error is SkerryError {
  return error instanceof SkerryError && error.details['refusal'] === true;
}

/** The same failure, with what was being done: `error when creating "web.yaml": …`, as kubectl says. */
export function failedAt(error: unknown, doing: string, source: string): unknown {
  const at = `error when ${doing} ${JSON.stringify(source)}`;
  if (isRefusal(error)) {
    const cause = new Error(`${at}: ${explain(error.cause)}`);
    return new SkerryError(error.code, error.message, { cause, details: error.details });
  }
  return error instanceof SkerryError ? new SkerryError(error.code, at, { cause: error }) : error;
}

/** One failure, or all of them; nothing if there is none. */
export function throwAll(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures);
}
