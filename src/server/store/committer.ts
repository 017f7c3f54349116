import { connect, type DatabaseOptions, type Group } from './database.ts';

/**
 * Makes groups of changes durable. One contract (committer.test.ts) over two implementations: inline, for the simulator and small tests,
 * and a worker thread (worker-committer.ts) for the server, so that a slow disk never holds up the main loop.
 */
export type Committer = {
  /** Durable when it resolves, without any effect when it rejects (DiskFailed). The caller waits for one before it gives the next. */
  readonly commit: (group: Group) => Promise<void>;
  /** One bounded pass of giving free pages back; true: there is more to do. */
  readonly vacuum: () => Promise<boolean>;
  /** An abort is a normal end that leaves no `file`. */
  readonly backup: (file: string, signal: AbortSignal) => Promise<void>;
  /** Marks the stop as clean and lets the file go; lets it go, too, if it rejects because the disk takes no mark. */
  readonly close: () => Promise<void>;
};

export function inlineCommitter(options: DatabaseOptions): Committer {
  const database = connect(options);
  return {
    // Async functions, so that what they throw is a rejection, as with the worker.
    commit: async (group) => database.write(group),
    vacuum: async () => database.vacuum(),
    backup: (file, signal) => database.backup(file, signal),
    close: async () => database.close(),
  };
}
