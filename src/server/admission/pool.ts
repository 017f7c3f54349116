import type { AdmissionState } from '#rest/admission.ts';

/**
 * Picks free members of a numbered range whose use is guarded by claims (Strategy.claims): a member is taken while a claim of it is kept.
 * Only a choice: that it is given once is guarded by the commit, which keeps the claim in the same breath.
 */
export type Pool = {
  /** Members are the numbers from 0 up to this, exclusive. */
  readonly size: number;
  /** The first of them are chosen last: they are for those who ask for one by name. */
  readonly reserved: number;
  /** Claims any of which takes the member. */
  readonly claimsOf: (member: number) => readonly string[];
};

/** Where claims are kept (src/rest/write). */
const CLAIMS = 'claims';
/** Single looks before all claims are read: in a range that is nearly full, reading them once costs less. */
const PROBES_MAX = 16;

/** A member that is not taken and not in `except`, by chance; undefined if there is none. */
export async function pickFree(
  pool: Pool,
  state: AdmissionState,
  random: () => number,
  except: ReadonlySet<number> = new Set(),
): Promise<number | undefined> {
  const dynamic = pool.size - pool.reserved;
  for (let probe = 0; probe < PROBES_MAX && dynamic > 0; probe += 1) {
    const member = pool.reserved + Math.floor(random() * dynamic);
    if (!except.has(member) && !(await isTaken(pool, state, member))) return member;
  }
  const { items } = await state.list({ resource: CLAIMS });
  const claimed = new Set(items.map(({ metadata }) => metadata.name));
  const isFree = (member: number) => !except.has(member) && !pool.claimsOf(member).some((claim) => claimed.has(claim));
  const start = Math.floor(random() * Math.max(dynamic, 1));
  for (let step = 0; step < dynamic; step += 1) {
    const member = pool.reserved + ((start + step) % dynamic);
    if (isFree(member)) return member;
  }
  for (let member = 0; member < pool.reserved; member += 1) if (isFree(member)) return member;
  return undefined;
}

export async function isTaken(pool: Pool, state: AdmissionState, member: number): Promise<boolean> {
  for (const name of pool.claimsOf(member))
    if ((await state.get({ resource: CLAIMS, namespace: '', name })) !== undefined) return true;
  return false;
}

/** As upstream (KEP-3070): a share of the range, but neither too few nor too many, is left for static choices. */
export function reservedShare(size: number, share: number, min: number, max: number): number {
  return size <= min ? 0 : Math.min(Math.max(min, Math.floor(size / share)), max);
}
