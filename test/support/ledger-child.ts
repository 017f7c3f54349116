import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemDisk } from '../../src/agent/ledger/disk.ts';
import { openLedger } from '../../src/agent/ledger/node-ledger.ts';
import { ledgerWriter } from '../../src/agent/ledger/synced-writer.ts';
import { documentOf } from './link-documents.ts';
import { tellParent } from './tell-parent.ts';

/**
 * Writes to a ledger for ever, telling on stdout what was acknowledged, until its parent kills it. Arguments: path, first number, and the last, at which it exits with
 * code 3 and closes nothing.
 */
const [path = '', from = '1', last = 'Infinity'] = process.argv.slice(2);
const ledger = await openLedger({
  path,
  openWriter: ledgerWriter(systemDisk(silentLog)),
  joined: { cluster: 'c', node: 'n', incarnation: 'joined' },
  clock: systemClock,
  ids: systemIds,
  log: silentLog,
});
await tellParent(`epoch ${ledger.outbox().epoch}`);
for (let count = Number(from); ; count += 1) {
  await ledger.commit(
    [{ kind: 'counted', key: String(count), value: count }],
    [
      {
        class: 'decision',
        body: { type: 'verdict', uid: String(count), phase: 'Failed', reason: 'r', message: 'x'.repeat(count % 500) },
      },
    ],
  );
  await tellParent(`committed ${count}`);
  if (count === Number(last)) process.exit(3);
  if (count % 5 === 0) {
    await ledger.accept({ ...documentOf({ rev: count, pods: [String(count), String(count + 1)] }) });
    await tellParent(`accepted ${count}`);
  }
}
