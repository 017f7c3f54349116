import { Worker } from 'node:worker_threads';
import type { SpawnLedgerWorker } from '../../src/agent/ledger/worker-writer.ts';

/** Spawns ledger-worker.ts, as the agent's root spawns its own executable. */
export const spawnLedgerWorker: SpawnLedgerWorker = (_role, data) =>
  new Worker(new URL('ledger-worker.ts', import.meta.url), { workerData: data, execArgv: [] });
