/** Endpoints (pkg/apis/core/validation ValidateEndpoints). */
import { required, type FieldError } from '../../field-error.ts';
import type { CoreEndpointPort, EndpointAddress, Endpoints, EndpointSubset } from '../../generated/types.ts';
import { ipProblems } from '../../ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems, qualifiedNameProblems } from '../../names.ts';
import { at, isBlank } from '../blank.ts';
import { asGiven, invalidFor, labelName, NO_ERRORS, oneOf } from '../check.ts';
import { PROTOCOLS } from '../pod/validate-containers.ts';
import { validateOrdinaryIp } from '../service/special-addresses.ts';

export function validateEndpoints({ subsets = [] }: Endpoints): readonly FieldError[] {
  return subsets.flatMap((subset, index) => validateSubset(subset, at('subsets', index)));
}

function validateSubset(
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  path: string,
): readonly FieldError[] {
  return [
    ...(addresses.length + notReadyAddresses.length === 0
      ? [required(path, 'must specify `addresses` or `notReadyAddresses`')]
      : NO_ERRORS),
    ...addresses.flatMap((address, index) => validateAddress(address, at(`${path}.addresses`, index))),
    ...notReadyAddresses.flatMap((address, index) => validateAddress(address, at(`${path}.notReadyAddresses`, index))),
    ...ports.flatMap((port, index) => validatePort(port, ports.length > 1, at(`${path}.ports`, index))),
  ];
}

function validateAddress(address: EndpointAddress, path: string): readonly FieldError[] {
  const { ip = '', hostname, nodeName } = asGiven(address);
  const form = invalidFor(`${path}.ip`, ip, ipProblems(ip));
  return [
    ...form,
    ...(isBlank(hostname) ? NO_ERRORS : invalidFor(`${path}.hostname`, hostname, dnsLabelProblems(hostname))),
    ...(nodeName === undefined ? NO_ERRORS : invalidFor(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName))),
    ...(form.length === 0 ? validateOrdinaryIp(ip, `${path}.ip`) : NO_ERRORS),
  ];
}

function validatePort(given: CoreEndpointPort, named: boolean, path: string): readonly FieldError[] {
  const { name = '', port = 0, protocol, appProtocol } = asGiven(given);
  return [
    ...(name === '' && !named ? NO_ERRORS : labelName(`${path}.name`, name)),
    ...invalidFor(`${path}.port`, port, portNumberProblems(port)),
    ...oneOf(`${path}.protocol`, protocol, PROTOCOLS),
    ...(appProtocol === undefined
      ? NO_ERRORS
      : invalidFor(`${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol))),
  ];
}
