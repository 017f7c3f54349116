import { execFile } from 'node:child_process';
import type { Ran } from './outside.ts';

/**
 * Runs one of the system's programs and tells how it ended; a failure is an answer here, unlike in net/wire/command.ts, where it is thrown.
 * Bounded in time and output.
 */
/** For a journal on a slow card; whoever asks has a limit of their own. */
const RUN_MS_MAX = 30_000;
const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function runProgram(argv: readonly string[], signal: AbortSignal, input = ''): Promise<Ran> {
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    const options = {
      timeout: RUN_MS_MAX,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_BYTES_MAX,
      signal,
      env: { PATH: SEARCH_PATH, LC_ALL: 'C' },
    } as const;
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ type: 'ended', code: 0, stdout, stderr });
      if (error.code === 'ENOENT') return resolve({ type: 'missing' });
      if (typeof error.code === 'number') return resolve({ type: 'ended', code: error.code, stdout, stderr });
      const why = error.killed === true ? `no end within ${RUN_MS_MAX / 1000} s` : error.message;
      return resolve({ type: 'stopped', why });
    });
    // A program that ends before it has read everything says why by its exit.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
