import { readFileSync } from 'node:fs';
import type { KnownService } from '#agent/services/service-view.ts';
import { createNames } from '#agent/names/names.ts';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { silentLog } from '#lib/log.ts';
import { holdProcess } from '#lib/clock.ts';
import { createMemoryLedger } from './memory-ledger.ts';

/**
 * A node's name server in a process of its own, for tests that put it into a network namespace: `node dns-child.ts <services.json> <resolv.conf>
 * <behind-stub>`. Prints a line when it listens, and each event as a line; SIGHUP has it read its services anew.
 */
const [services = '', resolvConf = '', behindStub = ''] = process.argv.slice(2);
// Written by the test that started this.
const readServices = () => JSON.parse(readFileSync(services, 'utf8')) as readonly KnownService[];
let view = { services: readServices() };
const ledger = createMemoryLedger();
const names = createNames({
  node: 'node-1',
  view: () => view,
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
  names.renew();
});
process.on('SIGINT', () => process.exit());
holdProcess();
await names.start();
console.log('listening');
