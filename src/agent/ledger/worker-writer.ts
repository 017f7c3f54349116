import type { MessagePort, Worker } from 'node:worker_threads';
import { SkerryError, explain } from '#lib/error.ts';
import { openLedgerFile } from './ledger-file.ts';
import type { LedgerRows, RowOp } from './rows.ts';
import type { LedgerFile, OpenedLedger, OpenLedgerWriter } from './writer.ts';

/**
 * The ledger's SQL in a worker thread: the agent's end, and the worker's (runLedgerWorker), which src/main.ts calls in the worker it
 * spawned. The worker opens the file, posts what is in it, then answers each list of writes in order.
 */
export type SpawnLedgerWorker = (role: 'ledger', data: LedgerFile) => Worker;

type Failure = { readonly code: string; readonly message: string };
type FromWorker =
  | { readonly type: 'opened'; readonly rows: LedgerRows; readonly setAside?: OpenedLedger['setAside'] }
  | { readonly type: 'written'; readonly failure?: Failure }
  | { readonly type: 'failed'; readonly failure: Failure };
type ToWorker = { readonly type: 'write'; readonly ops: readonly RowOp[] } | { readonly type: 'close' };

/** Runs inside the worker until it is asked to close. `data` is what workerWriter gave to its SpawnLedgerWorker. */
export function runLedgerWorker(port: MessagePort, data: unknown): void {
  // Our own other half is the only sender (workerWriter, below), of the same build.
  const file = data as LedgerFile;
  const post = (message: FromWorker) => port.postMessage(message);
  try {
    const { rows, setAside, write, close } = openLedgerFile(file);
    port.on('message', (message: ToWorker) => {
      if (message.type === 'close') {
        close();
        port.close();
        return;
      }
      try {
        write(message.ops);
        post({ type: 'written' });
      } catch (error) {
        post({ type: 'written', failure: failureOf(error) });
      }
    });
    post({ type: 'opened', rows, ...(setAside === undefined ? {} : { setAside }) });
  } catch (error) {
    post({ type: 'failed', failure: failureOf(error) });
    port.close();
  }
}

export function workerWriter(spawn: SpawnLedgerWorker): OpenLedgerWriter {
  return (file) => openInWorker(spawn('ledger', file), file);
}

function openInWorker(worker: Worker, { path }: LedgerFile): Promise<OpenedLedger> {
  type Waiting = { readonly resolve: () => void; readonly reject: (error: SkerryError) => void };
  const waiting: Waiting[] = [];
  let dead: SkerryError | undefined;
  let state: 'opening' | 'open' | 'closing' | 'ended' = 'opening';

  const write = (ops: readonly RowOp[]) =>
    new Promise<void>((resolve, reject) => {
      if (dead !== undefined) {
        reject(dead);
        return;
      }
      waiting.push({ resolve, reject });
      worker.postMessage({ type: 'write', ops } satisfies ToWorker);
    });

  const close = () =>
    new Promise<void>((resolve) => {
      if (state === 'ended') {
        resolve();
        return;
      }
      state = 'closing';
      worker.once('exit', () => resolve());
      worker.postMessage({ type: 'close' } satisfies ToWorker);
    });

  return new Promise((resolve, reject) => {
    const die = (error: SkerryError): SkerryError => {
      dead ??= error;
      reject(error);
      for (const { reject: refuse } of waiting.splice(0)) refuse(error);
      return dead;
    };
    worker.on('error', (error) => die(new SkerryError('LedgerFailed', `run the worker of the ledger ${path}`, { cause: error })));
    worker.on('exit', () => {
      const wasOpen = state === 'open';
      state = 'ended';
      const why = die(new SkerryError('LedgerFailed', `run the worker of the ledger ${path}: it has ended`));
      // A bug of ours, or no memory: nothing could be decided or told any more, and a node that only seems to live is worse than one that starts anew.
      if (wasOpen) throw why;
    });
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'opened':
          state = 'open';
          resolve({
            writer: { write, close },
            rows: message.rows,
            ...(message.setAside === undefined ? {} : { setAside: message.setAside }),
          });
          return;
        case 'failed':
          die(errorOf(message.failure));
          return;
        case 'written': {
          const next = waiting.shift();
          if (message.failure === undefined) next?.resolve();
          else next?.reject(errorOf(message.failure));
        }
      }
    });
  });
}

const failureOf = (error: unknown): Failure => ({
  code: error instanceof SkerryError ? error.code : 'LedgerFailed',
  message: explain(error),
});

const errorOf = ({ code, message }: Failure): SkerryError => new SkerryError(code, message);
