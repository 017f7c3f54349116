import { SkerryError } from '#lib/error.ts';

/** As sysexits' EX_USAGE would be 64; kubectl and most tools of the field use 1 for failure and 2 for wrong usage. */
export const USAGE_EXIT_CODE = 2;

/** Code of an error → exit code of the process, for scripts. Everything else is 1. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  Usage: USAGE_EXIT_CODE,
  OtherMode: USAGE_EXIT_CODE,
  OtherCluster: USAGE_EXIT_CODE,
  BadToken: USAGE_EXIT_CODE,
  NoToken: USAGE_EXIT_CODE,
  BadConfig: USAGE_EXIT_CODE,
  NotServed: USAGE_EXIT_CODE,
  Unauthorized: 3,
  Forbidden: 3,
  NotFound: 4,
  UnknownType: 4,
  AlreadyExists: 5,
  Conflict: 5,
  ServiceUnavailable: 6,
  Timeout: 6,
};

export function exitCodeOf(error: unknown): number {
  // Of several failures the first tells.
  if (error instanceof AggregateError) return exitCodeOf(error.errors[0]);
  return error instanceof SkerryError ? (EXIT_CODES[error.code] ?? 1) : 1;
}
