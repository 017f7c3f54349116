/** What a Service's status may say of its load balancer (pkg/apis/core/validation ValidateLoadBalancerStatus). */
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { LoadBalancerIngress, Service } from '../../generated/types.ts';
import { ipProblems, parseIp } from '../../ip.ts';
import { dnsSubdomainProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { invalidFor, NO_ERRORS, oneOfIfSet } from '../check.ts';

const PATH = 'status.loadBalancer.ingress';

export function validateServiceStatus({ spec, status }: Service): readonly FieldError[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0 && spec?.type !== 'LoadBalancer')
    return [forbidden(PATH, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap((each, index) => validateIngress(each, at(PATH, index)));
}

function validateIngress({ ip = '', ipMode, hostname = '' }: LoadBalancerIngress, path: string): readonly FieldError[] {
  return [
    ...(ip === '' ? NO_ERRORS : invalidFor(`${path}.ip`, ip, ipProblems(ip))),
    ...(ip !== '' && ipMode === undefined ? [required(`${path}.ipMode`, 'must be specified when `ip` is set')] : NO_ERRORS),
    ...(ip === '' && ipMode !== undefined
      ? [forbidden(`${path}.ipMode`, 'may not be specified when `ip` is not set')]
      : oneOfIfSet(`${path}.ipMode`, ipMode, ['Proxy', 'VIP'])),
    ...(hostname === '' ? NO_ERRORS : hostnameErrors(hostname, `${path}.hostname`)),
  ];
}

function hostnameErrors(hostname: string, path: string): readonly FieldError[] {
  return [
    ...invalidFor(path, hostname, dnsSubdomainProblems(hostname)),
    ...(parseIp(hostname) === undefined ? NO_ERRORS : [invalid(path, hostname, 'must be a DNS name, not an IP address')]),
  ];
}
