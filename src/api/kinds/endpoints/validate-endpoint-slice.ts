/** EndpointSlices (pkg/apis/discovery/validation ValidateEndpointSlice). */
import { duplicate, invalid, tooMany, type FieldError } from '../../field-error.ts';
import type { DiscoveryEndpointPort, Endpoint, EndpointHints, EndpointSlice } from '../../generated/types.ts';
import { parseIp } from '../../ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems, IMMUTABLE, qualifiedNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { asGiven, duplicatesOf, invalidFor, needed, NO_ERRORS, oneOf } from '../check.ts';
import { validateLabels } from '../meta.ts';
import { PROTOCOLS } from '../pod/validate-containers.ts';
import { validateOrdinaryIp } from '../service/special-addresses.ts';

export const ENDPOINTS_MAX = 1_000;
const PORTS_MAX = 20_000;
const ADDRESSES_MAX = 100;
const TOPOLOGY_MAX = 16;
const HINTS_MAX = 8;
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

export function validateEndpointSlice(slice: EndpointSlice): readonly FieldError[] {
  const { addressType, endpoints = [], ports = [] } = asGiven(slice);
  return [
    ...oneOf('addressType', addressType, ADDRESS_TYPES),
    ...(endpoints.length > ENDPOINTS_MAX
      ? [tooMany('endpoints', endpoints.length, ENDPOINTS_MAX)]
      : endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, addressType, at('endpoints', index)))),
    ...(ports.length > PORTS_MAX ? [tooMany('ports', ports.length, PORTS_MAX)] : validatePorts(ports)),
  ];
}

export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice): readonly FieldError[] {
  return next.addressType === old.addressType ? NO_ERRORS : [invalid('addressType', next.addressType, IMMUTABLE)];
}

function validateEndpoint(endpoint: Endpoint, addressType: string | undefined, path: string): readonly FieldError[] {
  const { addresses = [], hostname, nodeName, deprecatedTopology: topology = {}, hints } = asGiven(endpoint);
  const topologyPath = `${path}.deprecatedTopology`;
  return [
    ...needed(`${path}.addresses`, addresses, 'must contain at least 1 address'),
    ...(addresses.length > ADDRESSES_MAX
      ? [tooMany(`${path}.addresses`, addresses.length, ADDRESSES_MAX)]
      : addresses.flatMap((address, index) => validateAddress(address, addressType, at(`${path}.addresses`, index)))),
    ...(nodeName === undefined ? NO_ERRORS : invalidFor(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName))),
    ...(Object.keys(topology).length > TOPOLOGY_MAX
      ? [tooMany(topologyPath, Object.keys(topology).length, TOPOLOGY_MAX)]
      : validateLabels(topology, topologyPath)),
    ...(hostname === undefined ? NO_ERRORS : invalidFor(`${path}.hostname`, hostname, dnsLabelProblems(hostname))),
    ...(hints === undefined ? NO_ERRORS : validateHints(hints, `${path}.hints`)),
  ];
}

function validateAddress(address: string, type: string | undefined, path: string): readonly FieldError[] {
  switch (type) {
    case 'IPv4':
    case 'IPv6': {
      const isSuch = parseIp(address)?.family === (type === 'IPv4' ? 4 : 6);
      return isSuch ? validateOrdinaryIp(address, path) : [invalid(path, address, `must be a valid ${type} address`)];
    }
    case 'FQDN': {
      const name = address.replace(/\.$/, '');
      const form = invalidFor(path, address, dnsSubdomainProblems(name));
      if (form.length > 0 || name.includes('.')) return form;
      return [invalid(path, address, 'should be a domain with at least two segments separated by dots')];
    }
    default:
      return NO_ERRORS;
  }
}

function validateHints({ forZones = [], forNodes = [] }: EndpointHints, path: string): readonly FieldError[] {
  return [...validateHintNames(forZones, `${path}.forZones`), ...validateHintNames(forNodes, `${path}.forNodes`)];
}

function validateHintNames(hints: readonly { readonly name?: string }[], path: string): readonly FieldError[] {
  if (hints.length > HINTS_MAX) return [tooMany(path, hints.length, HINTS_MAX)];
  return [
    ...duplicatesOf(
      hints,
      ({ name }) => name,
      (index) => `${at(path, index)}.name`,
    ),
    ...hints.flatMap(({ name = '' }, index) => invalidFor(`${at(path, index)}.name`, name, qualifiedNameProblems(name))),
  ];
}

/** Also the empty name may be there only once. */
function validatePorts(ports: readonly DiscoveryEndpointPort[]): readonly FieldError[] {
  const seen = new Set<string>();
  return ports.flatMap(({ name = '', protocol, appProtocol }, index) => {
    const path = at('ports', index);
    const twice = seen.has(name) ? [duplicate(`${path}.name`, name)] : NO_ERRORS;
    seen.add(name);
    return [
      ...(name === '' ? NO_ERRORS : invalidFor(`${path}.name`, name, dnsLabelProblems(name))),
      ...twice,
      ...oneOf(`${path}.protocol`, protocol, PROTOCOLS),
      ...(appProtocol === undefined
        ? NO_ERRORS
        : invalidFor(`${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol))),
    ];
  });
}
