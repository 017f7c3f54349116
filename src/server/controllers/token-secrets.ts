/**
 * Secrets of type kubernetes.io/service-account-token: filled with a lasting token of the account that they name, and deleted with it
 * (pkg/controller/serviceaccount/tokens_controller.go). None is made unasked: who needs no lasting token asks for a short one.
 */
import { semanticEqual } from '#api/equal.ts';
import type { Secret } from '#api/kinds/secret.ts';
import type { KubeObject } from '#api/object.ts';
import { base64OfText } from '#api/text.ts';
import { parseTime } from '#lib/time.ts';
import type { View } from '../view.ts';
import { deleteChange, updateChange } from './changes.ts';
import type { Controller, Outcome } from './controller.ts';
import { keyOf, parseKey } from './keys.ts';

export type TokenSecretsOptions = {
  /** PEM. */
  readonly caBundle: string;
  /** The same token for the same account and secret, always. */
  readonly mint: (account: { readonly namespace: string; readonly name: string; readonly uid: string }, secret: string) => string;
};

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
/** Between a secret's creation and that of its account: manifests come in any order. */
const ACCOUNT_WAIT_MS = 30_000;

export function tokenSecrets(options: TokenSecretsOptions): Controller {
  return {
    name: 'service-account-tokens',
    keysOf: ({ resource, before, after }, view) => {
      const object = after ?? before;
      if (object === undefined) return [];
      if (resource === 'secrets') return isTokenSecret(object) ? [keyOf(object)] : [];
      if (resource !== 'serviceaccounts') return [];
      return secretsIn(view, object.metadata.namespace).flatMap((secret) =>
        accountOf(secret) === object.metadata.name ? [keyOf(secret)] : [],
      );
    },
    keys: (view) => secretsIn(view).map(keyOf),
    reconcile: (key, view, now) => {
      const { namespace, name } = parseKey(key);
      // Sound: the store keeps under this resource only secrets.
      const secret = view.get('secrets', namespace, name) as Secret | undefined;
      if (secret === undefined || !isTokenSecret(secret) || secret.metadata.deletionTimestamp !== undefined) return NOTHING;
      return reconcile(secret, view, now, options);
    },
  };
}

const NOTHING: Outcome = { changes: [] };

function reconcile(secret: Secret, view: View, now: number, { caBundle, mint }: TokenSecretsOptions): Outcome {
  const { namespace = '', name = '', annotations = {} } = secret.metadata;
  const account = view.get('serviceaccounts', namespace, accountOf(secret));
  const meant = annotations[UID] ?? '';
  const uid = account?.metadata.uid ?? '';
  if (account === undefined || (meant !== '' && meant !== uid)) {
    const restMs = meant === '' ? (parseTime(secret.metadata.creationTimestamp) ?? 0) + ACCOUNT_WAIT_MS - now : 0;
    return restMs > 0
      ? { changes: [], afterMs: Math.min(restMs, ACCOUNT_WAIT_MS) }
      : { changes: [deleteChange('secrets', secret)] };
  }
  const token = mint({ namespace, name: accountOf(secret), uid }, name);
  const filled = {
    ...secret,
    metadata: { ...secret.metadata, annotations: { ...annotations, [UID]: uid } },
    data: {
      ...secret.data,
      'ca.crt': base64OfText(caBundle),
      namespace: base64OfText(namespace),
      token: base64OfText(token),
    },
  };
  return semanticEqual(filled, secret) ? NOTHING : { changes: [updateChange('secrets', secret, filled)] };
}

function secretsIn(view: View, namespace?: string): readonly KubeObject[] {
  return view.list('secrets', namespace).filter(isTokenSecret);
}

function isTokenSecret(object: KubeObject): boolean {
  return object['type'] === TYPE;
}

function accountOf({ metadata }: KubeObject): string {
  return metadata.annotations?.[NAME] ?? '';
}
