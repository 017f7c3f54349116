import { expect, test } from 'vitest';
import { clusterTokens } from '../../../test/support/link-documents.ts';
import { viewOf } from '../../../test/support/view-of.ts';
import type { KubeObject } from '#api/object.ts';
import { readToken } from '../auth/service-account-token.ts';
import { ItemEncoder } from './item-encoder.ts';
import { project } from './project.ts';
import { EPOCH_SECONDS, TOKEN_SECONDS, tokenOrders } from './token-orders.ts';

const { issuer, key } = clusterTokens;
const NOW = Date.UTC(2026, 10, 21);
const account = { kind: 'ServiceAccount', metadata: { namespace: 'default', name: 'robot', uid: 'account-uid' } };
const node = { kind: 'Node', metadata: { name: 'n1', uid: 'node-uid' } };
const pod = podOf('web', 'f1f7cf5a-0a6a-4d0c-9d6c-0c9d1a2b3c4d');
const view = viewOf([
  { resource: 'serviceaccounts', object: objectOf(account) },
  { resource: 'nodes', object: objectOf(node) },
  { resource: 'pods', object: pod },
]);

function objectOf(object: object): KubeObject {
  return { apiVersion: 'v1', ...object } as KubeObject; // A kind and metadata is all that is looked at.
}

function podOf(name: string, uid: string, nodeName = 'n1'): KubeObject {
  return objectOf({
    kind: 'Pod',
    metadata: { namespace: 'default', name, uid },
    spec: {
      nodeName,
      serviceAccountName: 'robot',
      containers: [],
      volumes: [
        {
          name: 'access',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
              { serviceAccountToken: { path: 'deep/vault', audience: 'vault' } },
              { configMap: { name: 'kube-root-ca.crt' } },
            ],
          },
        },
      ],
    },
  });
}

test('a pod has a token per source, for its account, bound to pod and node, a year from the beginning of its epoch', () => {
  const { orders, fromMs, untilMs } = tokenOrders(pod, view, issuer, NOW);
  expect(orders.map((order) => order.key)).toEqual([
    `tokens/${pod.metadata.uid}/access/token`,
    `tokens/${pod.metadata.uid}/access/deep/vault`,
  ]);
  expect(orders.map(({ claims }) => claims.audiences)).toEqual([[issuer], ['vault']]);
  expect(orders[0]?.claims).toMatchObject({
    account: { namespace: 'default', name: 'robot', uid: 'account-uid' },
    pod: { name: 'web', uid: pod.metadata.uid },
    node: { name: 'n1', uid: 'node-uid' },
    issuedAt: fromMs / 1000,
    expiresAt: fromMs / 1000 + TOKEN_SECONDS,
  });
  expect(fromMs).toBeLessThanOrEqual(NOW);
  expect(untilMs).toBeGreaterThan(NOW);
  expect(untilMs - fromMs).toBe(EPOCH_SECONDS * 1000);
  expect(tokenOrders(pod, view, issuer, untilMs - 1).orders).toEqual(orders);
  expect(tokenOrders(pod, view, issuer, untilMs).fromMs).toBe(untilMs);
  // Part of the bytes of what nodes hold: for ever.
  expect(fromMs).toBe(1_793_111_633_000);
});

test('an account that is not there gives no token', () => {
  const without = viewOf([{ resource: 'pods', object: pod }]);
  expect(tokenOrders(pod, without, issuer, NOW)).toEqual({ orders: [], fromMs: -Infinity, untilMs: Infinity });
});

test('tokens are in the document of the node that has the pod, the same after any restart, and in no other', () => {
  const documentOf = (name: string) => {
    const encoder = new ItemEncoder('10.32.0.0/11', key);
    const { own, sources, references } = project(view, name, (source) => encoder.hashOf(source), { issuer, nowMs: NOW });
    return { own, references, bytes: (hash = '') => encoder.bytesOf(sources.get(hash) ?? { resource: '', object: pod }) };
  };
  const first = documentOf('n1');
  expect(documentOf('n1').own).toEqual(first.own);
  expect(first.references).toContain('serviceaccounts/default/robot');
  expect([...first.own.keys()].some((each) => each.startsWith('serviceaccounts/'))).toBe(false);
  expect([...documentOf('n2').own.keys()].some((each) => each.startsWith('tokens/'))).toBe(false);
  const text = Buffer.from(first.bytes(first.own.get(`tokens/${pod.metadata.uid}/access/token`))).toString();
  const item = JSON.parse(text) as { kind: string; metadata: object; token: string };
  expect(item).toMatchObject({ kind: 'Token', metadata: { podUid: pod.metadata.uid, volume: 'access', path: 'token' } });
  expect(readToken(key, issuer, item.token)).toMatchObject({ kind: 'bound', pod: { name: 'web' }, node: { name: 'n1' } });
});

test('an agent of before tokens gets its pods as they were then, and refuses only what they ask for themselves', () => {
  const projected = { sources: [{ serviceAccountToken: { path: 'token' } }] };
  const own = { name: 'own', projected };
  const mounts = ['kube-api-access-x7k2p', 'own'].map((name) => ({ name, mountPath: `/${name}` }));
  const containers = [
    { name: 'a', volumeMounts: mounts },
    { name: 'b', volumeMounts: mounts.slice(0, 1) },
  ];
  const spec = { nodeName: 'n1', serviceAccountName: 'robot', containers };
  const given = objectOf({ ...pod, spec: { ...spec, volumes: [own, { name: 'kube-api-access-x7k2p', projected }] } });
  const then = objectOf({
    ...pod,
    spec: { ...spec, volumes: [own], containers: [{ name: 'a', volumeMounts: mounts.slice(1) }, { name: 'b' }] },
  });
  const encoder = new ItemEncoder('10.32.0.0/11', key);
  const { own: index } = project(viewOf([{ resource: 'pods', object: given }]), 'n1', (source) => encoder.hashOf(source), {
    issuer,
    nowMs: NOW,
    withoutTokens: true,
  });
  expect([...index]).toEqual([[`pods/${pod.metadata.uid}`, encoder.hash('pods', then)]]);
});
