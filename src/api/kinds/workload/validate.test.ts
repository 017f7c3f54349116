import { expect, test } from 'vitest';
import type { DaemonSetSpec, DeploymentSpec } from '../../generated/types.ts';
import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import { invalidError, statusOf } from '../../status.ts';
import { daemonSetResource, TEMPLATE_GENERATION } from '../daemon-set.ts';
import { deploymentResource } from '../deployment.ts';
import { replicaSetResource } from '../replica-set.ts';

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { a: 'b' } };

function object(resource: Resource, spec: object | undefined, status?: object): KubeObject {
  return resource.strategy.default({
    apiVersion: 'apps/v1',
    kind: resource.kind,
    metadata: { name: 'd', namespace: 'default' },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  });
}

function check(resource: Resource, spec: object, ...expected: readonly string[]): void {
  const errors = resource.strategy.validate(object(resource, { selector, template, ...spec }));
  expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
}

const deployment = (spec: Partial<DeploymentSpec>, ...expected: readonly string[]): void =>
  check(deploymentResource, spec, ...expected);
const daemonSet = (spec: Partial<DaemonSetSpec>, ...expected: readonly string[]): void =>
  check(daemonSetResource, spec, ...expected);

test('an empty deployment is refused exactly as a real server does', () => {
  const empty = object(deploymentResource, undefined);
  const status = statusOf(invalidError({ group: 'apps', name: 'Deployment' }, 'd', deploymentResource.strategy.validate(empty)));
  expect(status.message).toBe(
    'Deployment.apps "d" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: map[string]string(nil): `selector` does not match template `labels`, spec.template.spec.containers: Required value]',
  );
});

test('selectors', () => {
  deployment({});
  deployment({ selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for deployment');
  check(replicaSetResource, { selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for deployment');
  daemonSet({ selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for daemonset');
  const mismatch = 'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`';
  deployment({ selector: { matchLabels: { a: 'c' } } }, mismatch);
  daemonSet({ selector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] } }, mismatch);
  deployment({
    selector: {
      matchExpressions: [
        { key: 'a', operator: 'In', values: ['b', 'c'] },
        { key: 'x', operator: 'NotIn', values: ['y'] },
      ],
    },
  });
  deployment(
    { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  );
  deployment(
    { selector: { matchExpressions: [{ key: 'a', operator: 'Is', values: ['b'] }] } },
    'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  );
});

test('selectors never change', () => {
  for (const resource of [deploymentResource, replicaSetResource, daemonSetResource]) {
    const [old, next] = [
      { selector, template },
      { selector: { matchLabels: { a: 'c' } }, template },
    ].map((spec) => object(resource, spec));
    expect(resource.strategy.validateUpdate?.(next!, old!).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable',
    ]);
    expect(resource.strategy.validateUpdate?.(old!, old!)).toEqual([]);
  }
});

test('templates', () => {
  const spec = { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 5 };
  deployment(
    { template: { ...template, spec } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
  );
  daemonSet({ template: { ...template, spec: { containers: [] } } }, 'spec.template.spec.containers: Required value');
});

test('rollout amounts of deployments', () => {
  const rolling = (maxUnavailable: number | string, maxSurge: number | string): Partial<DeploymentSpec> => ({
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
  });
  const path = 'spec.strategy.rollingUpdate';
  deployment(rolling('25%', 0));
  deployment(rolling(0, 1));
  deployment(rolling(0, '0%'), `${path}.maxUnavailable: Invalid value: 0: may not be 0 when \`maxSurge\` is 0`);
  deployment(rolling('101%', 0), `${path}.maxUnavailable: Invalid value: "101%": must not be greater than 100%`);
  deployment(rolling(1, '200%'));
  deployment(rolling(-1, 1), `${path}.maxUnavailable: Invalid value: -1: must be greater than or equal to 0`);
  deployment(
    rolling(1, 'x'),
    `${path}.maxSurge: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
  );
  deployment(
    { strategy: { type: 'Recreate', rollingUpdate: {} } },
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  );
  deployment(
    { strategy: { type: 'Odd' } },
    'spec.strategy: Unsupported value: {"type":"Odd"}: supported values: "Recreate", "RollingUpdate"',
  );
  deployment({ replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0');
  deployment({ minReadySeconds: 600 }, 'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds');
});

test('rollout amounts of daemon sets: exactly one of the two', () => {
  const rolling = (maxUnavailable: number | string, maxSurge: number | string): Partial<DaemonSetSpec> => ({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
  });
  const path = 'spec.updateStrategy.rollingUpdate';
  daemonSet(rolling(1, 0));
  daemonSet(rolling('0%', '50%'));
  daemonSet(rolling(1, 1), `${path}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`);
  daemonSet(rolling(0, 0), `${path}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`);
  daemonSet(rolling(0, '101%'), `${path}.maxSurge: Invalid value: "101%": must not be greater than 100%`);
  daemonSet({ updateStrategy: { type: 'OnDelete' } });
  daemonSet(
    { updateStrategy: { type: 'Odd' } },
    'spec.updateStrategy: Unsupported value: {"type":"Odd"}: supported values: "RollingUpdate", "OnDelete"',
  );
});

test('counts in a status', () => {
  const status = (resource: Resource, next: object, old: object = {}): readonly string[] =>
    (resource.strategy.validateStatusUpdate?.(object(resource, {}, next), object(resource, {}, old)) ?? []).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  expect(status(deploymentResource, { replicas: 2, readyReplicas: 2, availableReplicas: 1 })).toEqual([]);
  expect(status(deploymentResource, { replicas: 1, readyReplicas: 2 })).toEqual([
    'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
  ]);
  expect(status(deploymentResource, { collisionCount: 1 }, { collisionCount: 2 })).toEqual([
    'status.collisionCount: Invalid value: 1: cannot be decremented',
  ]);
  expect(status(replicaSetResource, { replicas: 2, readyReplicas: 1, availableReplicas: 2 })).toEqual([
    'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
  ]);
  expect(status(daemonSetResource, { numberReady: -1 })).toEqual([
    'status.numberReady: Invalid value: -1: must be greater than or equal to 0',
  ]);
});

test('the scale of a deployment', () => {
  const scale = deploymentResource.subresources['scale'];
  if (scale?.type !== 'scale') throw new Error('no scale');
  const of = object(
    deploymentResource,
    { selector: { matchLabels: { b: 'c', a: 'b' } }, template, replicas: 3 },
    { replicas: 2 },
  );
  expect(scale.toScale(of)).toEqual({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'd', namespace: 'default' },
    spec: { replicas: 3 },
    status: { replicas: 2, selector: 'a=b,b=c' },
  });
  const scaled = scale.fromScale(of, {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'd' },
    spec: { replicas: 5 },
  });
  expect(scaled).toEqual({ ...of, spec: { ...(of['spec'] as object), replicas: 5 } });
});

test('the template generation of a daemon set counts changes of the template', () => {
  const { prepareForCreate, prepareForUpdate } = daemonSetResource.strategy;
  const first = prepareForCreate!(object(daemonSetResource, { selector, template }));
  expect(first.metadata.annotations).toEqual({ [TEMPLATE_GENERATION]: '1' });
  const bare = { ...first, metadata: { name: 'd', namespace: 'default' } };
  expect(prepareForUpdate!(bare, first).metadata.annotations).toEqual({ [TEMPLATE_GENERATION]: '1' });
  const changed = object(daemonSetResource, {
    selector,
    template: { ...template, spec: { containers: [{ name: 'c', image: 'j' }] } },
  });
  expect(prepareForUpdate!(changed, first).metadata.annotations).toEqual({ [TEMPLATE_GENERATION]: '2' });
});
