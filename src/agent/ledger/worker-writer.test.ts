import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { workerWriter } from './worker-writer.ts';

/** A thread that has opened the ledger and does nothing more. */
function openedThread() {
  const thread = Object.assign(new EventEmitter(), { postMessage: () => undefined });
  // What the writer uses of a thread.
  const opened = workerWriter(() => thread as unknown as Worker)({ path: '/data/ledger.db', stamp: '' });
  thread.emit('message', { type: 'opened', rows: {} });
  return { thread, opened };
}

test('a thread that ends by itself ends the agent, which could keep nothing any more; what waited is refused', async () => {
  const { thread, opened } = openedThread();
  const { writer } = await opened;
  const waiting = writer.write([]);
  expect(() => thread.emit('exit', 1)).toThrow('run the worker of the ledger /data/ledger.db: it has ended');
  await expect(waiting).rejects.toMatchObject({ code: 'LedgerFailed' });
});

test('a thread that was closed may end', async () => {
  const { thread, opened } = openedThread();
  const closing = (await opened).writer.close();
  thread.emit('exit', 0);
  await closing;
});
