import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#lib/clock.ts';
import { readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { identityFile } from './identity.ts';
import { openLedgerFile, type OpenFile } from './ledger/ledger-file.ts';
import { stampOf } from './ledger/node-ledger.ts';
import { PODS } from './memory.ts';

/**
 * A node while no agent runs on it, and none can: its ledger is held, which one process has at a time. For what is done to the node from outside
 * its agent. Reads only who it is and what it ran; the identity proper is identity.ts.
 */
export type HeldNode = {
  /** Its name; undefined where this machine has not joined, or what tells so can not be read. */
  readonly node: string | undefined;
  /** See labels.ts. */
  readonly ranHere: (podUid: string) => boolean;
  /** Harmless when it is done twice. */
  readonly release: () => void;
};

/** Throws InUse where an agent is running, LedgerTooNew where a later release has been. */
export function holdNode({ dataDir, clock }: { readonly dataDir: string; readonly clock: Pick<Clock, 'now'> }): HeldNode {
  const path = join(dataDir, 'agent', 'ledger.db');
  const node = nameIn(readFileIfThere(identityFile(dataDir)));
  if (!existsSync(path)) return { node, ranHere: () => false, release: () => undefined };
  const file = open(path, dataDir, clock);
  const uids = new Set(file.rows.memory.filter(([kind]) => kind === PODS).map(([, uid]) => uid));
  let held = true;
  return {
    node,
    ranHere: (uid) => uids.has(uid),
    release: () => {
      if (held) file.close();
      held = false;
    },
  };
}

function open(path: string, dataDir: string, clock: Pick<Clock, 'now'>): OpenFile {
  try {
    return openLedgerFile({ path, stamp: stampOf(clock.now()) });
  } catch (cause) {
    if (!hasCode(cause, 'InUse')) throw cause;
    throw new SkerryError(
      'InUse',
      `hold the node in ${dataDir}: its agent is running; stop it first: \`systemctl stop skerry-agent\` (on a server's own node \`systemctl stop skerry-server\`), or end the process`,
    );
  }
}

/** The least that can be read of an identity, also of one that is damaged elsewhere. */
function nameIn(text: string | undefined): string | undefined {
  try {
    const identity: unknown = JSON.parse(text ?? '');
    // Sound: any field of an object may be read, and what is no text is left out.
    const name = (identity as { readonly joined?: { readonly node?: unknown } } | null)?.joined?.node;
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
