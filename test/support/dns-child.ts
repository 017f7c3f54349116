import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KnownService, ServiceView } from '#agent/services/service-view.ts';
import { systemDisk } from '#agent/ledger/disk.ts';
import { openLedger } from '#agent/ledger/node-ledger.ts';
import { ledgerWriter } from '#agent/ledger/synced-writer.ts';
import { createNames } from '#agent/names/names.ts';
import { holdProcess, systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { createMemoryLedger } from './memory-ledger.ts';
import { createSlowSync } from './slow-disk.ts';

/**
 * A node's name server in a process of its own, for tests that put it into a network namespace: `node dns-child.ts <services.json> <resolv.conf>
 * <behind-stub> [folder]`. With a folder, it also keeps a ledger there, commits to it all the time, and each sync takes SYNC_MS and all threads of libuv's pool. Prints a line when it listens, and each event as a line; SIGHUP has it read its services anew.
 */
const SYNC_MS = 500;
/** Of libuv's pool. */
const THREADS = 4;
const [services = '', resolvConf = '', behindStub = '', slowFolder] = process.argv.slice(2);
// Written by the test that started this.
const readServices = () => JSON.parse(readFileSync(services, 'utf8')) as readonly KnownService[];
let view: ServiceView = { services: readServices() };
let tell: (changed: ServiceView) => void = () => undefined;
const ledger = createMemoryLedger();
const names = createNames({
  node: 'node-1',
  services: {
    view: () => view,
    onView: (changed) => {
      tell = changed;
      return () => undefined;
    },
  },
  ledger: {
    ...ledger,
    commit: async (_memory, reports) => {
      for (const report of reports) console.log(JSON.stringify(report.body));
    },
  },
  files: { resolvConf, behindStub },
  clock: systemClock,
  ids: systemIds,
  log: silentLog,
});
ledger.set([
  {
    kind: 'Network',
    spec: { clusterCIDR: '10.32.0.0/11', serviceCIDR: '10.96.0.0/16', clusterDomain: 'cluster.local' },
  },
]);
process.on('SIGHUP', () => {
  view = { services: readServices() };
  tell(view);
});
process.on('SIGINT', () => process.exit());
holdProcess();
await names.start();
console.log('listening');

if (slowFolder !== undefined) {
  const syncs = Array.from({ length: THREADS }, (_, at) => createSlowSync(slowFolder, `sync-${at}`, SYNC_MS));
  const disk = { ...systemDisk(silentLog), sync: () => Promise.all(syncs.map((sync) => sync())).then(() => undefined) };
  const slow = await openLedger({
    path: join(slowFolder, 'ledger.db'),
    openWriter: ledgerWriter(disk),
    joined: { cluster: 'c', node: 'node-1', incarnation: 'i' },
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
  });
  for (let count = 0; ; count += 1) {
    const value = { count, filling: 'x'.repeat(2_000) };
    await slow.commit([{ kind: 'statuses', key: `pod-${count % 20}`, value }], []);
    if (count === 0) console.log('committing');
  }
}
