import { parentPort, workerData } from 'node:worker_threads';

/** The threads of the program: one whose disk is the server's database, one whose is the agent's ledger. Started by main.ts only. */
export type WorkerRole = 'committer' | 'ledger';

void runWorker();

async function runWorker(): Promise<void> {
  // Sound: the only one who starts this file is main.ts, which gives just this.
  const { role, data } = workerData as { readonly role: WorkerRole; readonly data: unknown };
  if (parentPort === null) return;
  if (role === 'committer') (await import('#server/store/committer-worker.ts')).runCommitterWorker(parentPort, data);
  else (await import('#agent/ledger/worker-writer.ts')).runLedgerWorker(parentPort, data);
}
