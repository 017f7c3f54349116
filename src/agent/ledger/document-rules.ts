import { SkerryError } from '#lib/error.ts';
import { hashOf } from '#api/link/canonical.ts';
import { DOCUMENT_BYTES_MAX, ITEMS_MAX, ITEM_BYTES_MAX } from '#api/link/messages.ts';
import { digestOf, type Index, type SignedStatement, type Statement } from '#api/link/statement.ts';

/**
 * What becomes of a document that arrives, as pure rules over what is held. Signatures are checked before (src/agent/link); here:
 *  - within an incarnation a document never goes back to a lower rev;
 *  - an incarnation that was left for a later one never returns;
 *  - under one that is neither trusted nor confirmed, items come and change but nothing goes: what the index no longer names, or names
 *    as being deleted, stays as it was (`retained`), until a confirmed index has the last word.
 */
export type Incarnation = { readonly ordinal: number; readonly trusted: boolean };

export type Held = {
  readonly signed?: SignedStatement;
  readonly index: Index;
  /** Key → the hash that counts instead of the index's; WITHHELD: none. */
  readonly retained: ReadonlyMap<string, string>;
  readonly incarnations: ReadonlyMap<string, Incarnation>;
};

export type DocumentUpdate = {
  readonly signed: SignedStatement;
  readonly index: Index;
  /** The bytes of those items that are not held yet, by hash. */
  readonly items: ReadonlyMap<string, Uint8Array>;
};

export const WITHHELD = '';

/** `isDeleting(hash)`: the item of that hash is a pod that is being deleted. Throws `StaleDocument`, `SupersededIncarnation` or `BadDocument`. */
export function nextHeld(held: Held, update: DocumentUpdate, isDeleting: (hash: string) => boolean): Held {
  const { statement } = update.signed;
  const known = held.incarnations.get(statement.incarnation);
  refuseOld(held, statement, known);
  const trusted = known?.trusted === true || statement.confirmed;
  const ordinal = known?.ordinal ?? 1 + Math.max(0, ...[...held.incarnations.values()].map((incarnation) => incarnation.ordinal));
  return {
    signed: update.signed,
    index: update.index,
    retained: trusted ? new Map() : retain(held, update.index, isDeleting),
    incarnations: new Map(held.incarnations).set(statement.incarnation, { ordinal, trusted }),
  };
}

/** Key → hash of what the agent should see. */
export function effectiveIndex({ index, retained }: Pick<Held, 'index' | 'retained'>): Index {
  const merged = new Map([...index, ...retained]);
  return new Map([...merged].filter(([, hash]) => hash !== WITHHELD));
}

/** False while what is no longer desired must be left running. */
export function removalsAllowed({ signed, incarnations }: Held): boolean {
  return signed !== undefined && incarnations.get(signed.statement.incarnation)?.trusted === true;
}

/** That the index is the one the statement names, that each item's bytes are there and have the name they go by. Throws `BadDocument`. */
export function checkComplete(update: DocumentUpdate, isHeld: (hash: string) => boolean): void {
  const { statement } = update.signed;
  const refuse = (why: string): never => {
    throw new SkerryError('BadDocument', `accept the document at revision ${statement.rev}: ${why}`);
  };
  if (update.index.size > ITEMS_MAX) refuse(`it has ${update.index.size} items, more than ${ITEMS_MAX}`);
  if (digestOf(update.index) !== statement.digest) refuse('its index is not the one that was signed');
  let bytesTotal = 0;
  for (const [hash, bytes] of update.items) {
    bytesTotal += bytes.length;
    if (bytes.length > ITEM_BYTES_MAX) refuse(`an item has ${bytes.length} bytes, more than ${ITEM_BYTES_MAX}`);
    if (hashOf(bytes) !== hash) refuse(`an item's bytes have another hash than ${hash}`);
  }
  if (bytesTotal > DOCUMENT_BYTES_MAX) refuse(`its items have ${bytesTotal} bytes, more than ${DOCUMENT_BYTES_MAX}`);
  for (const [key, hash] of update.index) if (!update.items.has(hash) && !isHeld(hash)) refuse(`the item ${key} is missing`);
}

function refuseOld(held: Held, { incarnation, rev, digest }: Statement, known: Incarnation | undefined): void {
  const current = held.signed?.statement;
  if (current === undefined) return;
  if (current.incarnation === incarnation) {
    if (rev < current.rev || (rev === current.rev && digest !== current.digest))
      throw new SkerryError(
        'StaleDocument',
        `accept the document at revision ${rev}: revision ${current.rev} of the same incarnation ${incarnation} is held already`,
      );
    return;
  }
  const currentOrdinal = held.incarnations.get(current.incarnation)?.ordinal ?? 0;
  if (known !== undefined && known.ordinal < currentOrdinal)
    throw new SkerryError(
      'SupersededIncarnation',
      `accept the document at revision ${rev}: its incarnation ${incarnation} was left for ${current.incarnation}`,
    );
}

function retain(held: Held, index: Index, isDeleting: (hash: string) => boolean): ReadonlyMap<string, string> {
  const before = effectiveIndex(held);
  const gone = [...before].filter(([key]) => !index.has(key));
  const deleted = [...index].flatMap(([key, hash]): readonly (readonly [string, string])[] => {
    const was = before.get(key);
    if (!isDeleting(hash) || (was !== undefined && isDeleting(was))) return [];
    return [[key, was ?? WITHHELD]];
  });
  return new Map([...gone, ...deleted]);
}
