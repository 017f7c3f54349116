import { SkerryError } from './error.ts';

/** A bug of ours, not the world's: throws code `Bug`, which nothing catches but the crash handler. */
export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new SkerryError('Bug', `this can not be: ${claim}`);
}

/** For the default arm of a switch that handles every case. */
export function unreachable(value: never): never {
  throw new SkerryError('Bug', `unhandled case ${JSON.stringify(value)}`);
}
