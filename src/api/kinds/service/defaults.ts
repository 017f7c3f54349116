/** What Kubernetes fills in where a Service leaves it out (pkg/apis/core/v1/defaults.go SetDefaults_Service). */
import type { LoadBalancerStatus, Service, ServicePort, ServiceSpec } from '../../generated/types.ts';
import { isBlank, orDefault } from '../blank.ts';
import { isExternallyAccessible, needsClusterIp } from './traits.ts';

const AFFINITY_SECONDS = 10_800;

export function defaultService(service: Service): Service {
  const spec = withAffinity({ ...service.spec, type: orDefault(service.spec?.type, 'ClusterIP') });
  const typed: Service = { ...service, spec };
  return {
    ...typed,
    spec: {
      ...spec,
      ...(spec.ports === undefined ? {} : { ports: spec.ports.map(defaultPort) }),
      ...(isExternallyAccessible(typed) ? { externalTrafficPolicy: orDefault(spec.externalTrafficPolicy, 'Cluster') } : {}),
      ...(needsClusterIp(typed) ? { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' } : {}),
      ...(spec.type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true } : {}),
    },
    status: { ...service.status, loadBalancer: defaultBalancer(service.status?.loadBalancer) },
  };
}

function withAffinity({ sessionAffinityConfig, ...spec }: ServiceSpec): ServiceSpec {
  const sessionAffinity = orDefault(spec.sessionAffinity, 'None');
  if (sessionAffinity === 'None') return { ...spec, sessionAffinity };
  const timeoutSeconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
  return { ...spec, sessionAffinity, sessionAffinityConfig: { clientIP: { timeoutSeconds } } };
}

/** Since 1.30: an address is one that a node may answer for. */
function defaultBalancer(given: LoadBalancerStatus = {}): LoadBalancerStatus {
  const { ingress } = given;
  if (ingress === undefined) return given;
  return { ...given, ingress: ingress.map((each) => (isBlank(each.ip) ? each : { ...each, ipMode: each.ipMode ?? 'VIP' })) };
}

function defaultPort(port: ServicePort): ServicePort {
  return {
    ...port,
    protocol: orDefault(port.protocol, 'TCP'),
    targetPort: isBlank(port.targetPort) ? port.port : port.targetPort,
  };
}
