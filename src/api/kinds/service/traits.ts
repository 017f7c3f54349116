/** What follows from a Service's type. */
import type { Service } from '../../generated/types.ts';

export function needsClusterIp({ spec }: Service): boolean {
  return spec?.type === 'ClusterIP' || spec?.type === 'NodePort' || spec?.type === 'LoadBalancer';
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === 'None';
}

/** True where each port has, or is to get, a port on every node. */
export function hasNodePorts({ spec }: Service): boolean {
  return spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

export function hasHealthCheckPort({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Reachable from outside the cluster, so that it has an externalTrafficPolicy. */
export function isExternallyAccessible({ spec }: Service): boolean {
  const { type, externalIPs = [] } = spec ?? {};
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
}

/** What a service may name as its load balancer's class to have the nodes' own addresses, which it has without a class, too. */
export const LOAD_BALANCER_CLASS = 'skerry.dev/nodes';

/** Of type LoadBalancer, and not of somebody else's class. */
export function isOwnLoadBalancer({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && (spec.loadBalancerClass ?? LOAD_BALANCER_CLASS) === LOAD_BALANCER_CLASS;
}
