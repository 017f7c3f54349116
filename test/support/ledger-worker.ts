import { parentPort, workerData } from 'node:worker_threads';
import { runLedgerWorker } from '../../src/agent/ledger/worker-writer.ts';

/** What src/main.ts does in the worker that it spawns for the ledger; for tests. */
if (parentPort !== null) runLedgerWorker(parentPort, workerData);
