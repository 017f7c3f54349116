import type { Pod } from '#api/kinds/pod.ts';
import type { TokenItem } from '#api/link/items.ts';
import type { KubeObject } from '#api/object.ts';
import type { Named, TokenClaims } from '../auth/service-account-token.ts';
import type { View } from '../view.ts';

/**
 * Which service accounts' tokens a pod has in its node's document, and what each says: one per source in its projected volumes, bound to pod and node. Pure. A token
 * is issued as of the beginning of its epoch, so that the same document has the same bytes after any restart; epochs begin at another moment for each pod, so
 * that a fleet's tokens are not all made anew at once. They live longer than the API asks for: a node may be away for months.
 */
export type TokenOrder = {
  readonly key: string;
  readonly metadata: TokenItem['metadata'];
  readonly claims: TokenClaims;
};

export type TokenOrders = {
  readonly orders: readonly TokenOrder[];
  /** Between these (wall clock, milliseconds) they are the same. */
  readonly fromMs: number;
  readonly untilMs: number;
};

export const EPOCH_SECONDS = 30 * 86_400;
/** From the beginning of the epoch: what is left at its end is 335 days. */
export const TOKEN_SECONDS = 365 * 86_400;

export function tokenOrders(pod: KubeObject, view: Pick<View, 'get'>, issuer: string, nowMs: number): TokenOrders {
  // Stored pods were decoded against the pod's schema.
  const { metadata, spec } = pod as Pod;
  const { namespace = '', name = '', uid = '' } = metadata;
  const sources = (spec?.volumes ?? []).flatMap(({ name: volume, projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) => (token === undefined ? [] : [{ volume, token }])),
  );
  const account = accountOf(pod) ?? '';
  const accountUid = view.get('serviceaccounts', namespace, account)?.metadata.uid;
  if (sources.length === 0 || accountUid === undefined) return NONE;
  const node = named(view.get('nodes', '', spec?.nodeName ?? ''));
  const { fromMs, untilMs } = tokenEpoch(uid, nowMs);
  const issuedAt = fromMs / 1_000;
  const orders = sources.map(({ volume, token: { path, audience = '' } }) => ({
    key: `tokens/${uid}/${volume}/${path}`,
    metadata: { podUid: uid, volume, path },
    claims: {
      issuer,
      audiences: [audience === '' ? issuer : audience],
      account: { namespace, name: account, uid: accountUid },
      pod: { name, uid },
      ...(node === undefined ? {} : { node }),
      issuedAt,
      expiresAt: issuedAt + TOKEN_SECONDS,
    },
  }));
  return { orders, fromMs, untilMs };
}

const NONE: TokenOrders = { orders: [], fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };

/** The account whose tokens a pod has: its coming and going changes the document. Undefined: it has none. */
export function accountOf(pod: KubeObject): string | undefined {
  // As above.
  const { spec } = pod as Pod;
  const asks = spec?.volumes?.some(({ projected }) =>
    projected?.sources?.some((source) => source.serviceAccountToken !== undefined),
  );
  return asks === true && spec?.serviceAccountName !== '' ? spec?.serviceAccountName : undefined;
}

function named(object: KubeObject | undefined): Named | undefined {
  const { name, uid } = object?.metadata ?? {};
  return name === undefined || uid === undefined ? undefined : { name, uid };
}

/** The epoch of the pod of this uid that `nowMs` is in, also where a clock stands before 1970. */
export function tokenEpoch(uid: string, nowMs: number): { readonly fromMs: number; readonly untilMs: number } {
  const offset = offsetOf(uid);
  const start = Math.floor((Math.floor(nowMs / 1_000) - offset) / EPOCH_SECONDS) * EPOCH_SECONDS + offset;
  return { fromMs: start * 1_000, untilMs: (start + EPOCH_SECONDS) * 1_000 };
}

/** Spreads uids evenly over an epoch. Part of the tokens' bytes: it never changes. */
function offsetOf(uid: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < uid.length; index += 1) hash = Math.imul(hash ^ uid.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % EPOCH_SECONDS;
}
