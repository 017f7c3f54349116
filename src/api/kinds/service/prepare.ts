/**
 * A Service before it is stored: address families, the two spellings of the cluster IP, and on update what was allotted to it and what
 * no longer fits its type (pkg/registry/core/service). Allots nothing.
 */
import { semanticEqual } from '../../equal.ts';
import type { Service, ServicePort, ServiceSpec } from '../../generated/types.ts';
import { parseIp } from '../../ip.ts';
import { isBlank } from '../blank.ts';
import { omit } from '../../omit.ts';
import { hasHealthCheckPort, hasNodePorts, isExternallyAccessible, isHeadless, needsClusterIp } from './traits.ts';

export function prepareServiceForCreate(service: Service): Service {
  const spec = withBothAddresses(service.spec ?? {});
  return withFamilies({ ...service, spec, status: { loadBalancer: {} } });
}

export function prepareServiceForUpdate(next: Service, old: Service): Service {
  const kept = withOldNodePorts(withOldAddresses(next, old), old);
  return withFamilies(withoutOtherTypesFields(kept, old));
}

/** clusterIP is the first of clusterIPs. */
function withBothAddresses(spec: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec;
  if (clusterIP !== '' && clusterIPs.length === 0) return { ...spec, clusterIPs: [clusterIP] };
  return spec;
}

function withOldAddresses(next: Service, old: Service): Service {
  const spec = next.spec ?? {};
  if (!needsClusterIp(old) || !needsClusterIp(next)) return { ...next, spec: withBothAddresses(spec) };
  const clusterIP = isBlank(spec.clusterIP) ? old.spec?.clusterIP : spec.clusterIP;
  const oldList = old.spec?.clusterIPs ?? [];
  const same = clusterIP === old.spec?.clusterIP;
  const list =
    (spec.clusterIPs ?? []).length === 0 || (!same && semanticEqual(spec.clusterIPs, oldList)) ? undefined : spec.clusterIPs;
  const clusterIPs = list ?? (same ? oldList : clusterIP === undefined ? [] : [clusterIP]);
  return {
    ...next,
    spec: {
      ...omit(spec, 'clusterIP', 'clusterIPs'),
      ...(clusterIP === undefined ? {} : { clusterIP }),
      ...(clusterIPs.length === 0 ? {} : { clusterIPs }),
    },
  };
}

/** A port that names no node port keeps the one it has. */
function withOldNodePorts(next: Service, old: Service): Service {
  const spec = next.spec ?? {};
  const ports =
    hasNodePorts(old) && hasNodePorts(next)
      ? spec.ports?.map((port) => withOldNodePort(port, spec.ports ?? [], old))
      : spec.ports;
  const check = old.spec?.healthCheckNodePort;
  const keepCheck =
    hasHealthCheckPort(old) && hasHealthCheckPort(next) && isBlank(spec.healthCheckNodePort) && check !== undefined;
  return {
    ...next,
    spec: { ...spec, ...(ports === undefined ? {} : { ports }), ...(keepCheck ? { healthCheckNodePort: check } : {}) },
  };
}

function withOldNodePort(port: ServicePort, all: readonly ServicePort[], old: Service): ServicePort {
  if (!isBlank(port.nodePort)) return port;
  const before = old.spec?.ports?.find((each) => each.port === port.port && each.protocol === port.protocol);
  const taken = all.some(({ nodePort, protocol }) => nodePort === before?.nodePort && protocol === port.protocol);
  return before === undefined || isBlank(before.nodePort) || taken ? port : { ...port, nodePort: before.nodePort };
}

/** A change of type drops what belongs to the old type, unless the caller has just set it. */
function withoutOtherTypesFields(next: Service, old: Service): Service {
  const spec = next.spec ?? {};
  const unchanged = (field: keyof ServiceSpec): boolean => semanticEqual(spec[field], old.spec?.[field]);
  const dropped: (keyof ServiceSpec)[] = [];
  if (needsClusterIp(old) && !needsClusterIp(next)) {
    if (unchanged('clusterIP') && unchanged('clusterIPs')) dropped.push('clusterIP', 'clusterIPs');
    dropped.push(...(['ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'] as const).filter(unchanged));
  }
  if (hasHealthCheckPort(old) && !hasHealthCheckPort(next) && unchanged('healthCheckNodePort'))
    dropped.push('healthCheckNodePort');
  if (old.spec?.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    dropped.push(...(['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const).filter(unchanged));
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(next) && unchanged('externalTrafficPolicy'))
    dropped.push('externalTrafficPolicy');
  const loses = hasNodePorts(old) && !hasNodePorts(next) && semanticEqual(nodePorts(next), nodePorts(old));
  const kept: ServiceSpec = omit(spec, ...dropped);
  return { ...next, spec: loses && kept.ports !== undefined ? { ...kept, ports: kept.ports.map(withoutNodePort) } : kept };
}

function nodePorts({ spec }: Service): readonly number[] {
  return (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
}

function withoutNodePort(port: ServicePort): ServicePort {
  return omit(port, 'nodePort');
}

/** This cluster is single-stack; upstream gives a headless service without selector both families even so. */
function withFamilies(service: Service): Service {
  if (!needsClusterIp(service)) return service;
  const { selector = {}, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec ?? {};
  const free = isHeadless(service) && Object.keys(selector).length === 0;
  const families = clusterIPs.flatMap((ip) => parseIp(ip)?.family ?? []).map((family) => (family === 4 ? 'IPv4' : 'IPv6'));
  const policy = ipFamilyPolicy ?? (free && ipFamilies.length === 0 ? 'RequireDualStack' : 'SingleStack');
  const chosen =
    ipFamilies.length > 0
      ? ipFamilies
      : families.length > 0
        ? families
        : free && policy !== 'SingleStack'
          ? ['IPv4', 'IPv6']
          : ['IPv4'];
  return { ...service, spec: { ...service.spec, ipFamilyPolicy: policy, ipFamilies: chosen } };
}
