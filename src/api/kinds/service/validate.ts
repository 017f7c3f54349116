/** Services (pkg/apis/core/validation ValidateService). Whether an address or a port is free is the claims' affair. */
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { Service, ServicePort, ServiceSpec } from '../../generated/types.ts';
import { cidrProblems } from '../../ip.ts';
import { dnsSubdomainProblems, portNumberProblems, qualifiedNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { duplicatesOf, invalidFor, labelName, NO_ERRORS, oneOf, oneOfIfSet } from '../check.ts';
import { validateLabels } from '../meta.ts';
import { PROTOCOLS } from '../pod/validate-containers.ts';
import { validatePort } from '../pod/validate-handlers.ts';
import { hasHealthCheckPort, isExternallyAccessible, isHeadless, needsClusterIp } from './traits.ts';
import { validateOrdinaryIp } from './special-addresses.ts';
import { validateAddresses } from './validate-addresses.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITY_SECONDS_MAX = 86_400;
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];

export function validateService(service: Service): readonly FieldError[] {
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  return [
    ...(ports.length === 0 && !isHeadless(service) && spec.type !== 'ExternalName' ? [required('spec.ports')] : []),
    ...validateTypeFields(service, spec),
    ...ports.flatMap((port, index) => validateServicePort(port, ports.length > 1, at('spec.ports', index))),
    ...duplicatesOf(
      ports,
      ({ name }) => name,
      (index) => `${at('spec.ports', index)}.name`,
    ),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateAddresses(service),
    ...(spec.externalIPs ?? []).flatMap((ip, index) => validateOrdinaryIp(ip, at('spec.externalIPs', index))),
    ...oneOf('spec.type', spec.type, TYPES),
    ...validateNodePorts(spec, ports),
    ...validateLoadBalancer(spec),
    ...validateTrafficPolicies(service, spec),
    ...oneOfIfSet('spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS),
  ];
}

function validateTypeFields(service: Service, spec: ServiceSpec): readonly FieldError[] {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    return isHeadless(service)
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)]
      : NO_ERRORS;
  }
  if (spec.type !== 'ExternalName') return NO_ERRORS;
  const why = 'may not be set for ExternalName services';
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  return [
    ...((spec.clusterIPs ?? []).length > 0 ? [forbidden('spec.clusterIPs', why)] : []),
    ...((spec.ipFamilies ?? []).length > 0 ? [forbidden('spec.ipFamilies', why)] : []),
    ...(spec.ipFamilyPolicy === undefined ? [] : [forbidden('spec.ipFamilyPolicy', why)]),
    ...(name === '' ? [required('spec.externalName')] : invalidFor('spec.externalName', name, dnsSubdomainProblems(name))),
  ];
}

function validateServicePort(port: ServicePort, named: boolean, path: string): readonly FieldError[] {
  const { name = '', appProtocol } = port;
  return [
    ...(name === '' && !named ? [] : labelName(`${path}.name`, name)),
    ...invalidFor(`${path}.port`, port.port ?? 0, portNumberProblems(port.port ?? 0)),
    ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS),
    ...validatePort(port.targetPort, `${path}.targetPort`),
    ...(appProtocol === undefined ? [] : invalidFor(`${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol))),
  ];
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): readonly FieldError[] {
  const path = 'spec.sessionAffinityConfig';
  const known = oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  if (sessionAffinity === 'None' && sessionAffinityConfig !== undefined) {
    return [...known, forbidden(path, 'must not be set when session affinity is None')];
  }
  if (sessionAffinity !== 'ClientIP') return known;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const where = `${path}.clientIP.timeoutSeconds`;
  if (seconds === undefined) return [...known, required(where, 'when session affinity type is ClientIP')];
  return seconds > 0 && seconds <= AFFINITY_SECONDS_MAX
    ? known
    : [...known, invalid(where, seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`)];
}

function validateNodePorts(spec: ServiceSpec, ports: readonly ServicePort[]): readonly FieldError[] {
  const [nodePorts, pairs] = [new Set<string>(), new Set<string>()];
  const onNode = ports.flatMap(({ nodePort = 0, protocol = '' }, index) => {
    const where = `${at('spec.ports', index)}.nodePort`;
    if (nodePort === 0) return NO_ERRORS;
    const twice = nodePorts.has(`${protocol}/${nodePort}`) ? [duplicate(where, nodePort)] : [];
    nodePorts.add(`${protocol}/${nodePort}`);
    return [
      ...(spec.type === 'ClusterIP' ? [forbidden(where, "may not be used when `type` is 'ClusterIP'")] : []),
      ...invalidFor(where, nodePort, portNumberProblems(nodePort)),
      ...twice,
    ];
  });
  const twice = ports.flatMap(({ port, protocol = '' }, index) => {
    if (pairs.has(`${protocol}/${port}`)) return [duplicate(at('spec.ports', index), goServicePort(protocol, port))];
    pairs.add(`${protocol}/${port}`);
    return NO_ERRORS;
  });
  return [...onNode, ...twice];
}

/** How upstream's internal type looks in its message. */
function goServicePort(protocol: string, port: number): object {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
}

function validateLoadBalancer(spec: ServiceSpec): readonly FieldError[] {
  const { loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts, loadBalancerClass } = spec;
  const is = spec.type === 'LoadBalancer';
  const why = "may only be used when `type` is 'LoadBalancer'";
  return [
    ...(ranges.length > 0 && !is ? [forbidden('spec.LoadBalancerSourceRanges', why)] : []),
    ...ranges.flatMap((range, index) =>
      invalidFor(at('spec.LoadBalancerSourceRanges', index), range.trim(), cidrProblems(range.trim())),
    ),
    ...(allocateLoadBalancerNodePorts !== undefined && !is ? [forbidden('spec.allocateLoadBalancerNodePorts', why)] : []),
    ...(loadBalancerClass === undefined
      ? []
      : is
        ? invalidFor('spec.loadBalancerClass', loadBalancerClass, qualifiedNameProblems(loadBalancerClass))
        : [forbidden('spec.loadBalancerClass', why)]),
  ];
}

function validateTrafficPolicies(service: Service, spec: ServiceSpec): readonly FieldError[] {
  const { externalTrafficPolicy: external = '', internalTrafficPolicy: internal, healthCheckNodePort: check = 0 } = spec;
  const policies = ['Cluster', 'Local'];
  return [
    ...(isExternallyAccessible(service)
      ? oneOf('spec.externalTrafficPolicy', external, policies)
      : external === ''
        ? []
        : [invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services')]),
    ...(check !== 0 && !hasHealthCheckPort(service)
      ? [
          invalid(
            'spec.healthCheckNodePort',
            check,
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
          ),
        ]
      : []),
    ...(check !== 0 && hasHealthCheckPort(service)
      ? invalidFor('spec.healthCheckNodePort', check, portNumberProblems(check))
      : []),
    ...(internal === undefined && needsClusterIp(service) ? [required('spec.internalTrafficPolicy')] : []),
    ...(internal !== undefined && !policies.includes(internal)
      ? [notSupported('spec.internalTrafficPolicy', internal, policies)]
      : []),
  ];
}
