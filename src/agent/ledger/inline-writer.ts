import { openLedgerFile } from './ledger-file.ts';
import type { OpenLedgerWriter } from './writer.ts';

/** The ledger's SQL in this thread. */
export const openInlineWriter: OpenLedgerWriter = async (file) => {
  const { rows, setAside, write, close } = openLedgerFile(file);
  const writer = {
    write: async (ops: Parameters<typeof write>[0]) => write(ops),
    close: async () => close(),
  };
  return { writer, rows, ...(setAside === undefined ? {} : { setAside }) };
};
