import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openInlineWriter } from '../../src/agent/ledger/inline-writer.ts';
import { openLedger } from '../../src/agent/ledger/node-ledger.ts';
import { documentOf } from './link-documents.ts';
import { tellParent } from './tell-parent.ts';

/** Writes to a ledger for ever, telling on stdout what was acknowledged, until its parent kills it. Arguments: path, first number. */
const [path = '', from = '1'] = process.argv.slice(2);
const ledger = await openLedger({
  path,
  openWriter: openInlineWriter,
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
  if (count % 5 === 0) {
    await ledger.accept({ ...documentOf({ rev: count, pods: [String(count), String(count + 1)] }) });
    await tellParent(`accepted ${count}`);
  }
}
