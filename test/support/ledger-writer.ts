import type { Disk } from '../../src/agent/ledger/disk.ts';
import { ledgerWriter } from '../../src/agent/ledger/synced-writer.ts';
import type { OpenLedgerWriter } from '../../src/agent/ledger/writer.ts';

/** Writes a ledger as the agent does, but waits for no disk: what the page cache has, outlives the process. `more` is another disk's part. */
export const testLedgerWriter = (more: Partial<Disk> = {}): OpenLedgerWriter =>
  ledgerWriter({
    sync: () => Promise.resolve(),
    lost: (error) => {
      throw error;
    },
    atExit: () => () => undefined,
    ...more,
  });
