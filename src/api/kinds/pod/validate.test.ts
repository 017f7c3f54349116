import { expect, test } from 'vitest';
import type { Container, Pod, PodSpec } from '../../generated/types.ts';
import { defaultPod } from './defaults.ts';
import { validatePodStatusUpdate, validatePodUpdate } from './validate-update.ts';
import { validatePod } from './validate.ts';

function pod(spec: Partial<PodSpec>): Pod {
  const containers = [{ name: 'a', image: 'i' }];
  return defaultPod({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers, ...spec },
  });
}

const withContainer = (more: Partial<Container>): Partial<PodSpec> => ({ containers: [{ name: 'a', image: 'i', ...more }] });

/** The errors as sentences: `field: message`. */
function check(spec: Partial<PodSpec>, ...expected: readonly string[]): void {
  expect(validatePod(pod(spec)).map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
}

test('containers', () => {
  check({});
  check({ containers: [] }, 'spec.containers: Required value');
  check(withContainer({ image: '' }), 'spec.containers[0].image: Required value');
  check(
    withContainer({ image: ' i' }),
    'spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace',
  );
  check(withContainer({ name: '' }), 'spec.containers[0].name: Required value');
  check(withContainer({ name: 'a.b' }), 'spec.containers[0].name: Invalid value: "a.b": must not contain dots');
  const twice = { name: 'a', image: 'i' };
  check({ containers: [twice, twice] }, 'spec.containers[1].name: Duplicate value: "a"');
  check({ initContainers: [twice] }, 'spec.initContainers[0].name: Duplicate value: "a"');
  check(
    withContainer({ imagePullPolicy: 'Sometimes' }),
    'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
  );
  check(
    withContainer({ restartPolicy: 'Always' }),
    'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
  );
  check(
    { initContainers: [{ name: 'x', image: 'i', restartPolicy: 'Never' }] },
    'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"',
  );
  check(
    { initContainers: [{ name: 'x', image: 'i', readinessProbe: { tcpSocket: { port: 1 } } }] },
    'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  );
  check({ initContainers: [{ name: 'x', image: 'i', restartPolicy: 'Always', readinessProbe: { tcpSocket: { port: 1 } } }] });
});

test('ports', () => {
  const ports = (...list: NonNullable<Container['ports']>): Partial<PodSpec> => withContainer({ ports: list });
  check(ports({ containerPort: 80, name: 'http' }, { containerPort: 81 }));
  check(ports({ containerPort: 0 }), 'spec.containers[0].ports[0].containerPort: Required value');
  check(
    ports({ containerPort: 65_536 }),
    'spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
  );
  check(
    ports({ containerPort: 1, name: 'x' }, { containerPort: 2, name: 'x' }),
    'spec.containers[0].ports[1].name: Duplicate value: "x"',
  );
  check(
    ports({ containerPort: 1, hostPort: 8 }, { containerPort: 2, hostPort: 8 }),
    'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8"',
  );
  check(
    ports({ containerPort: 1, protocol: 'ICMP' }),
    'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
  );
  check(
    { hostNetwork: true, ...ports({ containerPort: 1, hostPort: 2 }) },
    'spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true',
  );
});

test('environment', () => {
  const env = (...list: NonNullable<Container['env']>): Partial<PodSpec> => withContainer({ env: list });
  const at = 'spec.containers[0].env[0]';
  check(env({ name: 'A', value: 'b' }, { name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['x']" } } }));
  check(env({ name: '' }), `${at}.name: Required value`);
  check(
    env({ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }),
    `${at}.valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
  );
  check(
    env({ name: 'A', valueFrom: {} }),
    `${at}.valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
  );
  check(
    env({ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' }, configMapKeyRef: { name: 'c', key: 'k' } } }),
    `${at}.valueFrom: Invalid value: "": may not have more than one field specified at a time`,
  );
  check(
    env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }),
    `${at}.valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname`,
  );
  check(
    env({ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: '' } } }),
    `${at}.valueFrom.secretKeyRef.key: Required value`,
  );
  check(
    withContainer({ envFrom: [{}] }),
    'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
  );
});

test('volumes and mounts', () => {
  const mount = (volumes: PodSpec['volumes'], ...mounts: NonNullable<Container['volumeMounts']>): Partial<PodSpec> => ({
    ...(volumes === undefined ? {} : { volumes }),
    ...withContainer({ volumeMounts: mounts }),
  });
  check(mount([{ name: 'v' }], { name: 'v', mountPath: '/v' }));
  check(mount([], { name: 'v', mountPath: '/v' }), 'spec.containers[0].volumeMounts[0].name: Not found: "v"');
  check(
    mount([{ name: 'v' }], { name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/v' }),
    'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique',
  );
  check(
    mount([{ name: 'v' }], { name: 'v', mountPath: '/v', subPath: '../x' }),
    'spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain \'..\'',
  );
  check(
    mount([{ name: 'v' }], { name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }),
    'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
  );
  check({ volumes: [{ name: 'v' }, { name: 'v' }] }, 'spec.volumes[1].name: Duplicate value: "v"');
  check(
    { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  );
  check(
    { volumes: [{ name: 'v', hostPath: { path: '/../x' } }] },
    'spec.volumes[0].hostPath.path: Invalid value: "/../x": must not contain \'..\'',
  );
  check(
    { volumes: [{ name: 'v', hostPath: { path: '/x', type: 'Odd' } }] },
    'spec.volumes[0].hostPath.type: Unsupported value: "Odd": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
  );
  check({ volumes: [{ name: 'v', configMap: {} }] }, 'spec.volumes[0].configMap.name: Required value');
  check(
    { volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 512 } }] },
    'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
  );
  check(
    {
      volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 1 } }] } }],
      serviceAccountName: 's',
    },
    'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
  );
});

test('resources', () => {
  const resources = (more: Container['resources'] & object): Partial<PodSpec> => withContainer({ resources: more });
  const at = 'spec.containers[0].resources';
  check(resources({ limits: { cpu: '1', memory: '1Gi', 'example.com/gpu': '1' }, requests: { cpu: '500m' } }));
  check(
    resources({ requests: { cpu: '2' }, limits: { cpu: '1' } }),
    `${at}.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
  );
  check(
    resources({ requests: { memory: '-1Gi' } }),
    `${at}.requests[memory]: Invalid value: "-1Gi": must be greater than or equal to 0`,
  );
  check(
    resources({ requests: { memory: '1GB' } }),
    `${at}.requests[memory]: Invalid value: "1GB": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  );
  check(
    resources({ requests: { speed: '1' } }),
    `${at}.requests[speed]: Invalid value: "speed": must be a standard resource type or fully qualified`,
    `${at}.requests[speed]: Invalid value: "speed": must be a standard resource for containers`,
  );
  check(
    resources({ requests: { 'example.com/gpu': '1' } }),
    `${at}.limits: Required value: Limit must be set for non overcommitable resources`,
  );
  check(
    resources({ limits: { 'example.com/gpu': '500m' } }),
    `${at}.limits[example.com/gpu]: Invalid value: "500m": must be an integer`,
    `${at}.requests[example.com/gpu]: Invalid value: "500m": must be an integer`,
  );
  check(
    resources({ limits: { 'hugepages-2Mi': '3Mi', cpu: '1' } }),
    `${at}.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
    `${at}.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
  );
});

test('probes and hooks', () => {
  const at = 'spec.containers[0]';
  check(withContainer({ livenessProbe: {} }), `${at}.livenessProbe: Required value: must specify a handler type`);
  check(
    withContainer({ livenessProbe: { tcpSocket: { port: 1 }, exec: { command: ['x'] } } }),
    `${at}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
  );
  check(
    withContainer({ livenessProbe: { tcpSocket: { port: 'UPPER' }, successThreshold: 2 } }),
    `${at}.livenessProbe.tcpSocket.port: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
    `${at}.livenessProbe.tcpSocket.port: Invalid value: "UPPER": must contain at least one letter (a-z)`,
    `${at}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
  );
  check(
    withContainer({ readinessProbe: { httpGet: { port: 0 }, periodSeconds: -1, terminationGracePeriodSeconds: 3 } }),
    `${at}.readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive`,
    `${at}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
    `${at}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes`,
  );
  check(withContainer({ lifecycle: { preStop: { exec: {} } } }), `${at}.lifecycle.preStop.exec.command: Required value`);
});

test('the pod itself', () => {
  check(
    { restartPolicy: 'Maybe' },
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
  );
  check({ dnsPolicy: 'None' }, 'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None');
  check(
    { dnsConfig: { nameservers: ['1.1.1.1', 'x'] } },
    'spec.dnsConfig.nameservers[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  );
  check(
    { activeDeadlineSeconds: 0 },
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  );
  check(
    { securityContext: { runAsUser: -1 } },
    'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive',
  );
  check(
    withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  );
  check({ hostUsers: false, hostNetwork: true }, 'spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false');
  check(
    { nodeName: 'n', schedulingGates: [{ name: 'g' }] },
    'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
  );
});

test('placement', () => {
  check(
    { tolerations: [{ key: 'k', effect: 'NoSchedule', tolerationSeconds: 3 }] },
    'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
  );
  check(
    { tolerations: [{ value: 'v' }] },
    'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  );
  const required = (nodeSelectorTerms: NonNullable<PodSpec['affinity']>): Partial<PodSpec> => ({ affinity: nodeSelectorTerms });
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  check(
    required({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } }),
    `${path}: Required value: must have at least one node selector term`,
  );
  check(
    required({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'a', operator: 'In' },
                { key: 'b', operator: 'Like', values: ['x'] },
              ],
            },
          ],
        },
      },
    }),
    `${path}[0].matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    `${path}[0].matchExpressions[1].operator: Invalid value: "Like": not a valid selector operator`,
  );
});

function checkUpdate(from: Partial<PodSpec>, to: Partial<PodSpec>, ...expected: readonly (string | RegExp)[]): void {
  const texts = validatePodUpdate(pod(to), pod(from)).map(({ field, message }) => `${field}: ${message}`);
  expect(texts).toHaveLength(expected.length);
  for (const [index, text] of expected.entries()) expect(texts[index]).toMatch(text);
}

test('what may change, and what not', () => {
  checkUpdate({}, withContainer({ image: 'j', imagePullPolicy: 'Always' }));
  checkUpdate({}, { activeDeadlineSeconds: 5 });
  checkUpdate({}, { tolerations: [{ operator: 'Exists' }] });
  checkUpdate({ terminationGracePeriodSeconds: -1 }, { terminationGracePeriodSeconds: 1 });
  checkUpdate({ activeDeadlineSeconds: 5 }, { activeDeadlineSeconds: 6 }, /must be less than or equal to previous value$/);
  checkUpdate(
    { activeDeadlineSeconds: 5 },
    {},
    'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
  );
  checkUpdate(
    { tolerations: [{ operator: 'Exists' }] },
    {},
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
  );
  checkUpdate(
    {},
    {
      containers: [
        { name: 'a', image: 'i' },
        { name: 'b', image: 'i' },
      ],
    },
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  );
  checkUpdate(
    {},
    { hostname: 'h' },
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,.*\nspec\.hostname: nothing → "h"$/,
  );
  checkUpdate({}, { nodeName: 'n1' }, /spec\.nodeName: nothing → "n1"$/);
  checkUpdate({ schedulingGates: [{ name: 'g' }] }, { nodeSelector: { a: 'b' } });
  checkUpdate({}, { schedulingGates: [{ name: 'g' }] }, /only deletion is allowed, but found new scheduling gate 'g'$/);
});

test('a status can not bring back what has ended for good', () => {
  const state = (restartPolicy: string, terminated: boolean): Pod => ({
    ...pod({ restartPolicy }),
    status: {
      containerStatuses: [
        {
          name: 'a',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: terminated ? { terminated: { exitCode: 0 } } : { running: {} },
        },
      ],
    },
  });
  expect(validatePodStatusUpdate(state('Always', false), state('Always', true))).toEqual([]);
  expect(validatePodStatusUpdate(state('Never', false), state('Never', true)).map(({ field }) => field)).toEqual([
    'status.containerStatuses[0].state',
  ]);
  const wrong = { ...pod({}), status: { podIPs: [{ ip: 'x' }], conditions: [{ type: 'not a type', status: 'True' }] } };
  expect(validatePodStatusUpdate(wrong, pod({})).map(({ field }) => field)).toEqual([
    'metadata.conditions[0].Type',
    'status.podIPs[0].ip',
  ]);
});
