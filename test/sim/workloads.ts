import type { KubeObject } from '../../src/api/object.ts';
import type { Chance } from './chance.ts';

/** What the client of the simulated cluster writes: a few names, so that writes meet; every kind of pod that ends differently. */
export const RESOURCES = ['configmaps', 'deployments.apps', 'daemonsets.apps', 'pods', 'services'] as const;
export type Resource = (typeof RESOURCES)[number];
export const NAMES = 2;
/** The last of them is not on the nodes: it is pulled. */
export const IMAGES = ['app:1', 'app:2', 'app:3'] as const;
/** Where pods are asked whether they are ready, and nothing else. */
export const READY_PATH = '/ready';

type Body = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  readonly metadata?: object;
  readonly spec?: object;
  readonly data?: object;
};

export function bodyOf(resource: Resource, name: string, chance: Chance): Body {
  switch (resource) {
    case 'configmaps':
      return { apiVersion: 'v1', kind: 'ConfigMap', data: {} };
    case 'pods':
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { labels: { app: name } },
        spec: name.endsWith('-0') ? longPod(chance) : shortPod(chance),
      };
    case 'services':
      return { apiVersion: 'v1', kind: 'Service', spec: serviceSpec(chance) };
    case 'daemonsets.apps':
      return { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { ...templateOf(name, chance) } };
    case 'deployments.apps':
      return {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        spec: { replicas: chance.between(1, 3), ...templateOf(name, chance) },
      };
  }
}

/** A strategic merge patch. */
export function patchOf(resource: Resource, seq: number, chance: Chance): object {
  const container = { containers: [{ name: 'app', image: chance.oneOf(IMAGES) }] };
  const image = { spec: { template: { spec: container } } };
  const restart = { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': String(seq) } } } } };
  const patches: Readonly<Record<Resource, readonly object[]>> = {
    'deployments.apps': [
      { spec: { replicas: chance.between(0, 4) } },
      { spec: { replicas: chance.between(0, 4) } },
      image,
      image,
      restart,
    ],
    'daemonsets.apps': [image, image, restart],
    pods: [{ spec: container }],
    configmaps: [{ data: { seq: String(seq) } }],
    services: [
      { spec: { selector: { app: appName(chance) } } },
      { spec: { publishNotReadyAddresses: chance.happens(0.2) } },
      { spec: { sessionAffinity: 'ClientIP' } },
    ],
  };
  return chance.oneOf(patches[resource]);
}

function templateOf(name: string, chance: Chance) {
  const labels = { app: name };
  return { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: longPod(chance) } };
}

/** What services select, by chance: the pods of an owner, or one by itself, which may end; they have it as a label. */
function appName(chance: Chance): string {
  return `${chance.oneOf(['de', 'da', 'po'])}-${chance.between(0, NAMES - 1)}`;
}

function serviceSpec(chance: Chance) {
  const type = chance.weighted({ ClusterIP: 3, NodePort: 2, LoadBalancer: 2, headless: 1 });
  const app = appName(chance);
  // Only there what has ended could be led to.
  const isPublished = chance.happens(app.startsWith('po') ? 0.6 : 0.1);
  return {
    ...(type === 'headless' ? { clusterIP: 'None' } : { type }),
    selector: { app },
    ...(isPublished ? { publishNotReadyAddresses: true } : {}),
    ports: [{ port: 80, targetPort: chance.oneOf([8080, 'http']) }],
  };
}

function longPod(chance: Chance) {
  const init = { name: 'init', image: 'app:1', command: ['sh', '-c', 'sleep 2; exit 0'] };
  return {
    terminationGracePeriodSeconds: 2,
    ...(chance.happens(0.3) ? { initContainers: [init] } : {}),
    containers: [
      { name: 'app', image: chance.oneOf(IMAGES), command: ['run', 'for-ever'], ...configured(chance), ...probed(chance) },
    ],
  };
}

/** Runs to its end, one way or another. */
function shortPod(chance: Chance) {
  const exitCode = chance.between(0, 1);
  return {
    terminationGracePeriodSeconds: 2,
    restartPolicy: exitCode === 0 ? chance.oneOf(['Never', 'OnFailure']) : 'Never',
    ...(chance.happens(0.2) ? { activeDeadlineSeconds: 10 } : {}),
    containers: [
      {
        name: 'app',
        image: chance.oneOf(IMAGES),
        command: ['sh', '-c', `sleep ${chance.oneOf([5, 30])}; exit ${exitCode}`],
        ...configured(chance),
      },
    ],
  };
}

/** Pods wait for no configmap, yet those they name come with the document. */
function configured(chance: Chance) {
  const name = `co-${chance.between(0, NAMES - 1)}`;
  return chance.happens(0.5) ? { envFrom: [{ configMapRef: { name, optional: true } }] } : {};
}

/** The pods of this cluster live, whatever becomes of what asks them: none is ever to be stopped for a probe. Some are not ready at times. */
function probed(chance: Chance) {
  if (!chance.happens(0.5)) return {};
  const often = { periodSeconds: 1, failureThreshold: 1 };
  const http = { httpGet: { port: 80 }, ...often };
  const ready = { httpGet: { port: 80, path: READY_PATH }, ...often };
  const exec = { exec: { command: ['true'] }, ...often };
  return {
    readinessProbe: chance.oneOf([ready, ready, exec]),
    livenessProbe: chance.oneOf([http, exec]),
    ...(chance.happens(0.5) ? { startupProbe: exec } : {}),
  };
}
