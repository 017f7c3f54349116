import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';
import type { ScriptName } from './bundle.ts';
import { isNative, type Target } from './targets.ts';

/**
 * V8's code cache of a bundle, made by the target's own Node (under an emulator if need be), the same bytes each time. V8 seeds its hashes by chance, so that
 * two caches never are the same; with a fixed seed they are, but carry the hash of other flags than a process of users has and are rejected. So the seeded one
 * gets those four bytes of an unseeded one (V8's SerializedCodeData: magic, version, source, flags, …; each 32 bits).
 */
const FLAG_HASH = { start: 12, end: 16 } as const;

export type Cached = {
  readonly target: Target;
  /** The target's Node, and the folder that holds its libraries when it is foreign. */
  readonly node: string;
  readonly sysroot: string;
  readonly bundle: string;
  readonly name: ScriptName;
  /** Arguments of a run of the program whose functions are to be in the cache. */
  readonly warmUp: readonly string[];
};

/** Writes the cache to `out`. */
export async function makeCodeCache({ target, node, sysroot, bundle, name, warmUp }: Cached, out: string): Promise<void> {
  const [program, ...before] = isNative(target) ? [node] : [target.emulator, '-L', sysroot, node];
  const make = (file: string, flags: readonly string[]) =>
    run(program ?? node, [...before, ...flags, MAKER, bundle, name, file, ...warmUp], { env: ENVIRONMENT });
  const unseeded = `${out}.unseeded`;
  await make(unseeded, []);
  await make(out, SAME_EACH_TIME);
  const cache = readFileSync(out);
  readFileSync(unseeded).copy(cache, FLAG_HASH.start, FLAG_HASH.start, FLAG_HASH.end);
  writeFileSync(out, cache);
}

/** A fixed seed; and no compiler that works on the side, whose progress would be noted in the functions it has come to. */
const SAME_EACH_TIME = ['--hash-seed=1', '--single-threaded', '--no-sparkplug', '--no-maglev', '--no-opt', '--no-flush-bytecode'];
const MAKER = join(import.meta.dirname, 'make-code-cache.cjs');
/** What the run finds must not depend on who builds. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', TZ: 'UTC', LANG: 'C' };
