/** Lets join tokens go some time after they expired, as upstream's token cleaner does; until then a late node hears that it came too late. */
import { JOIN_NAMESPACE, JOIN_TOKEN_TYPE, joinTokenState } from '#api/join-token.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { KubeObject } from '#api/object.ts';
import { deleteChange } from '../controllers/changes.ts';
import type { Controller } from '../controllers/controller.ts';
import { keyOf, parseKey } from '../controllers/keys.ts';

export const EXPIRED_TOKEN_KEPT_MS = 24 * 60 * 60_000;
/** The wall clock may be set, so no look is put off for longer. */
const LOOK_MS_MAX = 60 * 60_000;

export const joinTokenCleaner: Controller = {
  name: 'token-cleaner',
  keysOf: ({ resource, after }) => (resource === 'secrets' && after !== undefined ? tokenKeys([after]) : []),
  keys: (view) => tokenKeys(view.list('secrets', JOIN_NAMESPACE)),
  reconcile: (key, view, now) => {
    const { namespace, name } = parseKey(key);
    const stored = view.get('secrets', namespace, name);
    if (stored === undefined || !isJoinToken(stored)) return { changes: [] };
    const { expiresMs } = joinTokenState(stored);
    if (expiresMs === undefined) return { changes: [] };
    const leftMs = expiresMs + EXPIRED_TOKEN_KEPT_MS - now;
    return leftMs > 0
      ? { changes: [], afterMs: Math.min(leftMs, LOOK_MS_MAX) }
      : { changes: [deleteChange('secrets', stored, { unchanged: true })] };
  },
};

function tokenKeys(secrets: readonly KubeObject[]): readonly string[] {
  return secrets.filter((secret) => isJoinToken(secret)).map((secret) => keyOf(secret));
}

function isJoinToken(secret: KubeObject): secret is Secret {
  return secret['type'] === JOIN_TOKEN_TYPE && secret.metadata.namespace === JOIN_NAMESPACE;
}
