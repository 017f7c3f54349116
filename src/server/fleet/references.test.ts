import { expect, test } from 'vitest';
import { referencesOf } from './references.ts';

function checkReferences(spec: object, expected: readonly string[]): void {
  expect([...referencesOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns' }, spec })].toSorted()).toEqual(
    expected,
  );
}

test('a pod names configmaps and secrets in many places', () => {
  checkReferences({ containers: [] }, []);
  const container = (name: string) => ({
    name,
    envFrom: [{ configMapRef: { name: `${name}-ef` } }, { secretRef: { name: `${name}-es` } }],
    env: [
      { name: 'A', value: 'x' },
      { name: 'B', valueFrom: { configMapKeyRef: { name: `${name}-ck`, key: 'k' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: `${name}-sk`, key: 'k' } } },
      { name: 'D', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ],
  });
  const of = (name: string) => [
    `configmaps/ns/${name}-ck`,
    `configmaps/ns/${name}-ef`,
    `secrets/ns/${name}-es`,
    `secrets/ns/${name}-sk`,
  ];
  checkReferences({ initContainers: [container('i')], containers: [container('c')] }, [...of('c'), ...of('i')].toSorted());
  checkReferences(
    {
      containers: [],
      imagePullSecrets: [{ name: 'pull' }, {}],
      volumes: [
        { name: 'a', configMap: { name: 'vc' } },
        { name: 'b', secret: { secretName: 'vs' } },
        {
          name: 'c',
          projected: {
            sources: [{ configMap: { name: 'pc' } }, { secret: { name: 'ps' } }, { serviceAccountToken: { path: 't' } }],
          },
        },
        { name: 'd', emptyDir: {} },
      ],
    },
    ['configmaps/ns/pc', 'configmaps/ns/vc', 'secrets/ns/ps', 'secrets/ns/pull', 'secrets/ns/vs'],
  );
});
