import { closeSync, constants, open, openSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * A disk whose syncs take their time where real ones do: in a thread of libuv's pool, which nothing else can use meanwhile. The thread opens a pipe that nobody writes to
 * until then.
 */
export function createSlowSync(folder: string, name: string, ms: number): () => Promise<void> {
  const pipe = join(folder, name);
  execFileSync('mkfifo', [pipe]);
  return () =>
    new Promise((resolve, reject) => {
      open(pipe, 'r', (error, descriptor) => {
        if (error !== null) return reject(error);
        closeSync(descriptor);
        resolve();
      });
      const release = () => {
        try {
          closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
        } catch {
          // The thread has not begun: all are taken.
          setTimeout(release, 5);
        }
      };
      setTimeout(release, ms);
    });
}
