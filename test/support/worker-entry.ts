import { parentPort, workerData } from 'node:worker_threads';
import { runCommitterWorker } from '../../src/server/store/committer-worker.ts';

/** What main.ts does when it is started as a worker. */
if (parentPort !== null) runCommitterWorker(parentPort, (workerData as { readonly data: unknown }).data);
