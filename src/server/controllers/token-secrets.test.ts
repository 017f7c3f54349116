import { expect, test } from 'vitest';
import { sentenceOf, World } from '../../../test/support/view-of.ts';
import type { Secret } from '../../api/kinds/secret.ts';
import { base64OfText } from '../../api/text.ts';
import { tokenSecrets } from './token-secrets.ts';

const MADE_MS = Date.parse('2026-01-01T00:00:00Z');
const controller = tokenSecrets({
  caBundle: 'PEM',
  mint: ({ namespace, name, uid }, secret) => `${namespace}/${name}/${uid}/${secret}`,
});

function world(annotations: Readonly<Record<string, string>> = {}): World {
  const made = new World();
  made.add('secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 's', namespace: 'shop', annotations: { 'kubernetes.io/service-account.name': 'bot', ...annotations } },
    data: { mine: 'eA==' },
  });
  made.add('secrets', { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { name: 'other', namespace: 'shop' } });
  return made;
}

const account = (uid = 'uid-bot') => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'bot', namespace: 'shop', uid },
});

function check(made: World, afterMs: number, ...expected: readonly string[]): void {
  expect(controller.keys(made.view())).toEqual(['shop/s']);
  const { changes } = controller.reconcile('shop/s', made.view(), MADE_MS + afterMs);
  expect(changes.map(sentenceOf)).toEqual(expected);
}

test('a secret gets the token of its account, once, and keeps what else it holds', () => {
  const made = world();
  made.add('serviceaccounts', account());
  check(made, 0, 'update secrets s');
  made.run(controller, 'shop/s', MADE_MS);
  const secret = made.view().get('secrets', 'shop', 's') as Secret;
  expect(secret.metadata.annotations?.['kubernetes.io/service-account.uid']).toBe('uid-bot');
  expect(secret.data).toEqual({
    mine: 'eA==',
    'ca.crt': base64OfText('PEM'),
    namespace: base64OfText('shop'),
    token: base64OfText('shop/bot/uid-bot/s'),
  });
  check(made, 0);
});

test('a secret goes with its account, and waits a while for one that is still to come', () => {
  const early = world();
  check(early, 29_000);
  expect(controller.reconcile('shop/s', early.view(), MADE_MS + 29_000).afterMs).toBe(1_000);
  check(early, 31_000, 'delete secrets s');
  const late = world({ 'kubernetes.io/service-account.uid': 'uid-bot' });
  check(late, 0, 'delete secrets s');
  late.add('serviceaccounts', account('another'));
  check(late, 0, 'delete secrets s');
});

test('news of either bring the secret’s key', () => {
  const made = world();
  const view = made.view();
  const [secret, other] = [view.get('secrets', 'shop', 's')!, view.get('secrets', 'shop', 'other')!];
  const keys = (resource: string, before: object) => controller.keysOf({ resource, before: before as never }, view);
  expect(keys('secrets', secret)).toEqual(['shop/s']);
  expect(keys('secrets', other)).toEqual([]);
  expect(keys('serviceaccounts', account())).toEqual(['shop/s']);
  expect(keys('serviceaccounts', { ...account(), metadata: { name: 'x', namespace: 'shop' } })).toEqual([]);
});
