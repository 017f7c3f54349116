import { parentPort, workerData } from 'node:worker_threads';

/** The program's other thread, whose disk is the server's database. Started by main.ts only. */
export type WorkerRole = 'committer';

void runWorker();

async function runWorker(): Promise<void> {
  // Sound: the only one who starts this file is main.ts, which gives just this.
  const { data } = workerData as { readonly role: WorkerRole; readonly data: unknown };
  if (parentPort === null) return;
  (await import('#server/store/committer-worker.ts')).runCommitterWorker(parentPort, data);
}
