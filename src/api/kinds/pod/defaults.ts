/**
 * What Kubernetes fills in where a pod leaves it out (pkg/apis/core/v1/defaults.go, 1.36). Pod templates get less than pods. What
 * admission adds (tolerations, service account, priority) is not here.
 */
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
} from '../../generated/types.ts';
import type { ContainerPort, EnvVar, ResourceRequirements } from '../../generated/types.ts';
import { orDefault } from '../blank.ts';
import { pullPolicyOf } from './image.ts';
import { defaultReferences, defaultVolume } from './volume-defaults.ts';

const GRACE_SECONDS = 30;

export function defaultPod(pod: Pod): Pod {
  const spec = defaultPodSpec(pod.spec);
  const hostNetwork = spec.hostNetwork === true;
  const own = (container: Container): Container => withHostPorts(withRequests(container), hostNetwork);
  return {
    ...pod,
    ...(pod.status === undefined ? {} : { status: withBothAddresses(pod.status) }),
    spec: {
      ...spec,
      containers: spec.containers.map(own),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(own) }),
      enableServiceLinks: spec.enableServiceLinks ?? true,
    },
  };
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): PodTemplateSpec {
  return { ...template, metadata: template?.metadata ?? {}, spec: defaultPodSpec(template?.spec) };
}

export function defaultPodSpec(spec: Partial<PodSpec> | undefined): PodSpec {
  const { initContainers, ephemeralContainers, volumes } = spec ?? {};
  const account = orDefault(spec?.serviceAccountName, spec?.serviceAccount ?? '');
  return {
    ...spec,
    containers: (spec?.containers ?? []).map(defaultContainer),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(defaultContainer) }),
    ...(ephemeralContainers === undefined ? {} : { ephemeralContainers: ephemeralContainers.map(defaultContainer) }),
    ...(volumes === undefined ? {} : { volumes: volumes.map(defaultVolume) }),
    ...(account === '' ? {} : { serviceAccountName: account, serviceAccount: account }),
    restartPolicy: orDefault(spec?.restartPolicy, 'Always'),
    terminationGracePeriodSeconds: spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS,
    dnsPolicy: orDefault(spec?.dnsPolicy, 'ClusterFirst'),
    securityContext: spec?.securityContext ?? {},
    schedulerName: orDefault(spec?.schedulerName, 'default-scheduler'),
  };
}

function defaultContainer<T extends Container | EphemeralContainer>(container: T): T {
  const { ports, env, lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  return {
    ...container,
    ...(ports === undefined ? {} : { ports: ports.map(defaultPort) }),
    ...(env === undefined ? {} : { env: env.map(defaultEnv) }),
    ...(lifecycle === undefined ? {} : { lifecycle: defaultLifecycle(lifecycle) }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: defaultProbe(livenessProbe) }),
    ...(readinessProbe === undefined ? {} : { readinessProbe: defaultProbe(readinessProbe) }),
    ...(startupProbe === undefined ? {} : { startupProbe: defaultProbe(startupProbe) }),
    resources: container.resources ?? {},
    terminationMessagePath: orDefault(container.terminationMessagePath, '/dev/termination-log'),
    terminationMessagePolicy: orDefault(container.terminationMessagePolicy, 'File'),
    imagePullPolicy: orDefault(container.imagePullPolicy, pullPolicyOf(container.image ?? '')),
  };
}

function defaultPort(port: ContainerPort): ContainerPort {
  return { ...port, protocol: orDefault(port.protocol, 'TCP') };
}

function defaultEnv(variable: EnvVar): EnvVar {
  return variable.valueFrom === undefined ? variable : { ...variable, valueFrom: defaultReferences(variable.valueFrom) };
}

function defaultProbe(probe: Probe): Probe {
  return {
    ...probe,
    ...(probe.httpGet === undefined ? {} : { httpGet: defaultHttpGet(probe.httpGet) }),
    ...(probe.grpc === undefined ? {} : { grpc: { ...probe.grpc, service: probe.grpc.service ?? '' } }),
    timeoutSeconds: orDefault(probe.timeoutSeconds, 1),
    periodSeconds: orDefault(probe.periodSeconds, 10),
    successThreshold: orDefault(probe.successThreshold, 1),
    failureThreshold: orDefault(probe.failureThreshold, 3),
  };
}

function defaultLifecycle(lifecycle: Lifecycle): Lifecycle {
  const { postStart, preStop } = lifecycle;
  return {
    ...lifecycle,
    ...(postStart === undefined ? {} : { postStart: defaultHandler(postStart) }),
    ...(preStop === undefined ? {} : { preStop: defaultHandler(preStop) }),
  };
}

function defaultHandler(handler: LifecycleHandler): LifecycleHandler {
  return handler.httpGet === undefined ? handler : { ...handler, httpGet: defaultHttpGet(handler.httpGet) };
}

function defaultHttpGet(action: HTTPGetAction): HTTPGetAction {
  return { ...action, path: orDefault(action.path, '/'), scheme: orDefault(action.scheme, 'HTTP') };
}

/** podIP is the first of podIPs; where they differ, the one that old clients write holds. */
function withBothAddresses(status: PodStatus): PodStatus {
  const { podIP = '', podIPs = [] } = status;
  const first = podIPs[0]?.ip ?? '';
  if (podIP !== '' && podIP !== first) return { ...status, podIPs: [{ ip: podIP }] };
  return podIP === '' && first !== '' ? { ...status, podIP: first } : status;
}

/** A limit without a request is the request. */
function withRequests(container: Container): Container {
  const limits = container.resources?.limits;
  if (limits === undefined) return container;
  const resources: ResourceRequirements = { ...container.resources, requests: { ...limits, ...container.resources?.requests } };
  return { ...container, resources };
}

/** On the host's network a container port is a host port. */
function withHostPorts(container: Container, hostNetwork: boolean): Container {
  if (!hostNetwork || container.ports === undefined) return container;
  return {
    ...container,
    ports: container.ports.map((port) => ({ ...port, hostPort: orDefault(port.hostPort, port.containerPort) })),
  };
}
