import { SkerryError } from '#lib/error.ts';

/** Code of an error → exit code of the process, for scripts. Everything else is 1. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  Usage: 2,
  Unauthorized: 3,
  Forbidden: 3,
  NotFound: 4,
  AlreadyExists: 5,
  Conflict: 5,
  ServiceUnavailable: 6,
  Timeout: 6,
};

export function exitCodeOf(error: unknown): number {
  return error instanceof SkerryError ? (EXIT_CODES[error.code] ?? 1) : 1;
}
