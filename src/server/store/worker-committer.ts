import type { Worker } from 'node:worker_threads';
import { SkerryError } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { Committer } from './committer.ts';
import type { Failure, Reply, Request } from './committer-worker.ts';
import type { DatabaseOptions } from './database.ts';

/**
 * A committer whose disk is in another thread. If that thread dies, a new one is started and does again what was not answered: groups
 * hold whole rows, so that doing one twice is doing it once. Only after DEATHS_MAX deaths without one answer in between does it give up.
 */
export type SpawnWorker = (role: 'committer', data: unknown) => Worker;

const DEATHS_MAX = 3;

/** Throws what opening the database throws. */
export async function workerCommitter(options: DatabaseOptions, spawnWorker: SpawnWorker, log: Log): Promise<Committer> {
  const committer = new WorkerCommitter(options, spawnWorker, log);
  await committer.start();
  return committer;
}

type Waiting = { readonly request: Request; readonly resolve: (more: boolean) => void; readonly reject: (error: Error) => void };

class WorkerCommitter implements Committer {
  readonly #options: DatabaseOptions;
  readonly #spawnWorker: SpawnWorker;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #opened: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #lastId = 0;
  #deaths = 0;
  #over: SkerryError | undefined;

  constructor(options: DatabaseOptions, spawnWorker: SpawnWorker, log: Log) {
    this.#options = options;
    this.#spawnWorker = spawnWorker;
    this.#log = log;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      this.#spawn();
    });
  }

  async commit(group: Extract<Request, { type: 'commit' }>['group']): Promise<void> {
    await this.#ask({ type: 'commit', id: this.#nextId(), group });
  }

  vacuum(): Promise<boolean> {
    return this.#ask({ type: 'vacuum', id: this.#nextId() });
  }

  async backup(file: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const id = this.#nextId();
    const abort = () => this.#worker?.postMessage({ type: 'abort', id } satisfies Request);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#ask({ type: 'backup', id, file });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    try {
      await this.#ask({ type: 'close', id: this.#nextId() });
    } finally {
      this.#over = new SkerryError('Closed', `write to ${this.#options.file}: the store is closed`);
      await this.#worker?.terminate();
    }
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #ask(request: Request): Promise<boolean> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { request, resolve, reject });
      // While a new worker opens the database, its answer to that sends what waits.
      if (this.#opened === undefined) this.#worker?.postMessage(request);
    });
  }

  #spawn(): void {
    const worker = this.#spawnWorker('committer', this.#options);
    this.#worker = worker;
    worker.on('message', (reply: Reply) => this.#answer(reply));
    worker.on('error', (error) => this.#log.error({ err: error }, 'committer worker failed'));
    worker.on('exit', (exitCode) => this.#died(worker, exitCode));
  }

  #answer(reply: Reply): void {
    if (reply.id === 0) return this.#open(reply);
    this.#deaths = 0;
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type === 'done') waiting?.resolve(reply.more);
    else waiting?.reject(unpack(reply.failure));
  }

  #open(reply: Reply): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (reply.type === 'failed') {
      const error = unpack(reply.failure);
      this.#giveUp(error);
      return opened?.reject(error);
    }
    opened?.resolve();
    for (const { request } of this.#waiting.values()) this.#worker?.postMessage(request);
  }

  #died(worker: Worker, exitCode: number): void {
    if (this.#over !== undefined || worker !== this.#worker) return;
    this.#deaths += 1;
    const opened = this.#opened;
    if (this.#deaths >= DEATHS_MAX) {
      const error = new SkerryError(
        'CommitterDied',
        `write to ${this.#options.file}: the committer thread ended ${this.#deaths} times in a row (exit code ${exitCode}); restart the server`,
      );
      this.#giveUp(error);
      return opened?.reject(error);
    }
    this.#log.warn({ exitCode, waiting: this.#waiting.size }, 'committer worker ended, starting another');
    this.#opened ??= { resolve: () => undefined, reject: () => undefined };
    this.#spawn();
  }

  #giveUp(error: SkerryError): void {
    this.#over = error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}

function unpack({ code, message, details, cause }: Failure): SkerryError {
  return new SkerryError(code, message, { details, ...(cause === undefined ? {} : { cause: new Error(cause) }) });
}
