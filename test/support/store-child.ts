import type { KubeObject } from '../../src/api/object.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openStore } from '../../src/server/store/store.ts';
import { spawnTestWorker } from './store.ts';
import { tellParent } from './tell-parent.ts';

/**
 * A process that is killed while it writes (src/server/store/crash.test.ts): each client counts up in two objects at once and prints
 * `client count revision` when a commit is acknowledged; some of its commits live in memory only. Run with the database's file.
 */
const CLIENTS = 16;

const store = await openStore({
  file: process.argv[2] ?? '',
  firstStart: true,
  clock: systemClock,
  ids: systemIds,
  log: silentLog,
  spawnWorker: spawnTestWorker,
});
await tellParent(`start 0 ${store.storage.revision()}`);
await Promise.all(Array.from({ length: CLIENTS }, (_, at) => count(`client-${at}`)));

async function count(client: string): Promise<never> {
  for (;;) {
    const old = store.view().get('configmaps', 'left', client);
    const next = 1 + Number(old?.['count'] ?? 0);
    const write = (namespace: string) => ({
      key: { resource: 'configmaps', namespace, name: client },
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: client }, count: next } satisfies KubeObject,
    });
    const { revision } = await store.storage.commit([write('left'), write('right')]);
    await tellParent(`${client} ${next} ${revision}`);
    const memory = await store.storage.commit([{ ...write('memory'), durable: false }]);
    await tellParent(`memory 0 ${memory.revision}`);
  }
}
