import { generateKeyPairSync } from 'node:crypto';
import { canonicalBytes, hashOf } from '../../src/api/link/canonical.ts';
import { digestOf, signStatement } from '../../src/api/link/statement.ts';
import { tokenIssuer, tokenKeyOf } from '../../src/server/auth/service-account-token.ts';
import type { DocumentUpdate } from '../../src/agent/ledger/document-rules.ts';

/** Documents for tests of the link and the ledger: a pod per name, signed by one key. */
export const clusterKeys = generateKeyPairSync('ed25519');
export const clusterTokens = { key: tokenKeyOf(clusterKeys.privateKey), issuer: tokenIssuer('cluster.local') };

export type DocumentOptions = {
  readonly rev: number;
  readonly pods: readonly string[];
  readonly deleting?: readonly string[];
  readonly incarnation?: string;
  readonly confirmed?: boolean;
  readonly cluster?: string;
  readonly node?: string;
};

export function podItem(uid: string, deleting = false) {
  return {
    kind: 'Pod' as const,
    metadata: {
      namespace: 'default',
      name: uid,
      uid,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(deleting ? { deletionTimestamp: '2026-01-02T00:00:00Z', deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: { containers: [{ name: 'a', image: 'busybox' }] },
  };
}

/** The whole document: every item's bytes come with it. */
export function documentOf(options: DocumentOptions): DocumentUpdate {
  const { rev, pods, deleting = [], incarnation = 'joined', confirmed = false, cluster = 'c', node = 'n' } = options;
  const entries = pods.map((uid) => {
    const bytes = canonicalBytes(podItem(uid, deleting.includes(uid)));
    return { key: `pods/${uid}`, hash: hashOf(bytes), bytes };
  });
  const index = new Map(entries.map(({ key, hash }) => [key, hash]));
  const statement = { cluster, node, incarnation, confirmed, rev, digest: digestOf(index) };
  return {
    signed: signStatement(statement, clusterKeys.privateKey),
    index,
    items: new Map(entries.map(({ hash, bytes }) => [hash, bytes])),
  };
}
