import type { MessagePort } from 'node:worker_threads';
import { SkerryError } from '#lib/error.ts';
import { connect, type Database, type DatabaseOptions, type Group } from './database.ts';

/** The worker's side of worker-committer.ts: one request after the other against the one connection; a backup runs between them. */
export type Request =
  | { readonly type: 'commit'; readonly id: number; readonly group: Group }
  | { readonly type: 'vacuum'; readonly id: number }
  | { readonly type: 'backup'; readonly id: number; readonly file: string }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'close'; readonly id: number };

/** `id` 0: the database is open, or could not be opened. */
export type Reply =
  | { readonly type: 'done'; readonly id: number; readonly more: boolean }
  | { readonly type: 'failed'; readonly id: number; readonly failure: Failure };

/** An error that crosses a thread: structured clone keeps of an Error neither code nor details. */
export type Failure = {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause?: string;
};

/** Runs inside the worker until it is asked to close. `data` is what worker-committer.ts gave to spawnWorker. */
export function runCommitterWorker(port: MessagePort, data: unknown): void {
  // Our own other half is the only sender (worker-committer.ts), of the same build.
  const options = data as DatabaseOptions;
  const aborts = new Map<number, AbortController>();
  const done = (id: number, more = false) => port.postMessage({ type: 'done', id, more } satisfies Reply);
  const failed = (id: number, error: unknown) => port.postMessage({ type: 'failed', id, failure: pack(error) } satisfies Reply);

  let database: Database;
  try {
    database = connect(options);
  } catch (error) {
    failed(0, error);
    port.close();
    return;
  }
  done(0);

  const backup = async (id: number, file: string) => {
    const abort = new AbortController();
    aborts.set(id, abort);
    try {
      await database.backup(file, abort.signal);
      done(id);
    } catch (error) {
      failed(id, error);
    } finally {
      aborts.delete(id);
    }
  };

  port.on('message', (request: Request) => {
    try {
      switch (request.type) {
        case 'commit':
          database.write(request.group);
          return done(request.id);
        case 'vacuum':
          return done(request.id, database.vacuum());
        case 'backup':
          return void backup(request.id, request.file);
        case 'abort':
          return aborts.get(request.id)?.abort();
        case 'close':
          database.close();
          done(request.id);
          return port.close();
      }
    } catch (error) {
      failed(request.id, error);
    }
  });
}

function pack(error: unknown): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? { cause: error.cause.message } : {};
  if (error instanceof SkerryError) return { code: error.code, message: error.message, details: error.details, ...cause };
  return { code: 'DiskFailed', message: error instanceof Error ? error.message : String(error), details: {}, ...cause };
}
