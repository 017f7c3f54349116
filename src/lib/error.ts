/**
 * The one error class. `code` is a stable word that callers branch on; tables elsewhere map it to an HTTP status
 * (src/api/status.ts) and to an exit code (src/cli). The message says what this step tried, on what; the reason below it is `cause`.
 */
export class SkerryError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SkerryError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for a SkerryError with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): error is SkerryError {
  return error instanceof SkerryError && codes.includes(error.code);
}

/** The message of an error and of all its causes, outermost first, for people: `pull nginx: connect: timed out`. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of a name with several addresses, none of which answers: Node gives it no message of its own.
  if (error instanceof AggregateError && error.message === '') return [...new Set(error.errors.map(explain))].join('; ');
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}
