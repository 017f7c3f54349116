import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededIds } from '#lib/ids.ts';
import type { KubeObject } from '../object.ts';
import { builtinResources } from './builtin.ts';
import { validateObjectMeta } from './meta.ts';

type Recorded = Readonly<Record<string, { readonly out: KubeObject }>>;

/** Something in every corner that validation looks into. */
const RICH_POD: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'rich', namespace: 'default' },
  spec: {
    containers: [
      {
        name: 'a',
        image: 'i',
        ports: [{ name: 'http', containerPort: 80, hostPort: 80, protocol: 'TCP' }],
        env: [
          {
            name: 'A',
            valueFrom: { fieldRef: { fieldPath: 'metadata.name' }, resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } },
          },
        ],
        envFrom: [{ prefix: 'P', configMapRef: { name: 'c' }, secretRef: { name: 's' } }],
        volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'x', mountPropagation: 'None', recursiveReadOnly: 'Disabled' }],
        volumeDevices: [{ name: 'd', devicePath: '/dev/x' }],
        resources: {
          limits: { cpu: '1', 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' },
          requests: { cpu: '500m' },
          claims: [{ name: 'r' }],
        },
        livenessProbe: { httpGet: { path: '/', port: 'http', httpHeaders: [{ name: 'X', value: 'y' }] }, timeoutSeconds: 2 },
        readinessProbe: { grpc: { port: 1 }, exec: { command: ['x'] } },
        lifecycle: { preStop: { sleep: { seconds: 3 } }, postStart: { tcpSocket: { port: 1 } } },
        securityContext: {
          runAsUser: 1,
          seccompProfile: { type: 'Localhost', localhostProfile: 'p' },
          appArmorProfile: { type: 'Unconfined' },
          capabilities: { add: ['CAP_SYS_ADMIN'] },
        },
        resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
      },
    ],
    initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } }],
    volumes: [
      { name: 'v', emptyDir: { sizeLimit: '1Gi' } },
      {
        name: 'p',
        projected: {
          sources: [
            { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
            { downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'metadata.uid' } }] } },
            { serviceAccountToken: { path: 't' } },
          ],
        },
      },
      { name: 'd', persistentVolumeClaim: { claimName: 'c' } },
      { name: 'n', nfs: { server: 's', path: '/' } },
      { name: 'e', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } },
      { name: 'h', hostPath: { path: '/x', type: 'File' } },
      { name: 'c', configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 5 }] } },
    ],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }],
              matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }],
            },
          ],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } },
        ],
      },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
          },
        ],
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, podAffinityTerm: { topologyKey: 'x', namespaces: ['n'] } },
        ],
      },
    },
    tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 3 }],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'z',
        whenUnsatisfiable: 'DoNotSchedule',
        minDomains: 2,
        labelSelector: { matchLabels: { a: 'b' } },
      },
    ],
    securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }], supplementalGroups: [1] },
    dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }] },
    hostAliases: [{ ip: '1.1.1.1', hostnames: ['a'] }],
    readinessGates: [{ conditionType: 'a/b' }],
    schedulingGates: [{ name: 'g' }],
    resourceClaims: [{ name: 'r', resourceClaimName: 'x' }],
    overhead: { cpu: '1m' },
    os: { name: 'linux' },
    activeDeadlineSeconds: 5,
  },
  status: {
    podIPs: [{ ip: '10.0.0.1' }],
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [
      { name: 'a', image: 'i', imageID: '', ready: true, restartCount: 1, state: { terminated: { exitCode: 1 } } },
    ],
  },
};

/** Any of the recorded objects with some parts missing and some names replaced by nonsense: all that a schema would still let through. */
function mutilated(value: unknown, draw: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => mutilated(item, draw));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(() => draw() > 0.15)
        .map(([key, part]) => [key, mutilated(part, draw)]),
    );
  }
  if (typeof value === 'string' && draw() < 0.2) return ['', ' ', '-', '..', 'A B', '9'.repeat(300)][Math.floor(draw() * 6)];
  if (typeof value === 'number' && draw() < 0.2) return [-1, 0, 2 ** 40][Math.floor(draw() * 3)];
  return value;
}

test('nothing that a schema lets through makes a row throw', () => {
  // The recordings are ours and of this shape.
  const recorded = JSON.parse(readFileSync('test/support/k8s/defaults.json', 'utf8')) as Recorded;
  const objects = [RICH_POD, ...Object.values(recorded).map(({ out }) => out)];
  fc.assert(
    fc.property(fc.constantFrom(...objects), fc.integer(), (whole, seed) => {
      const draw = seededIds(seed).random;
      const resource = builtinResources.find(({ kind }) => kind === whole.kind)!;
      const broken = {
        ...(mutilated(whole, draw) as object),
        apiVersion: whole.apiVersion,
        kind: whole.kind,
        metadata: whole.metadata,
      };
      const { strategy } = resource;
      const first = strategy.default(broken);
      const next = strategy.default(strategy.prepareForCreate?.(first) ?? first);
      validateObjectMeta(resource, next);
      strategy.validate(next);
      const updated = strategy.prepareForUpdate?.(next, whole) ?? next;
      strategy.validateUpdate?.(updated, strategy.default(whole));
      strategy.validateStatusUpdate?.(next, strategy.default(whole));
      strategy.claims?.(next);
      expect(resource.cells(next, 0)).toHaveLength(resource.columns.length);
      expect(strategy.default(next)).toEqual(next);
    }),
    { numRuns: 1000 },
  );
});
