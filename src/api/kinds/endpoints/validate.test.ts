import { expect, test } from 'vitest';
import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import { endpointSliceResource } from '../endpoint-slice.ts';
import { endpointsResource } from '../endpoints.ts';

function object({ group, kind, strategy }: Resource, fields: object): KubeObject {
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  return strategy.default({ apiVersion, kind, metadata: { name: 'x', namespace: 'default' }, ...fields });
}

function check(resource: Resource, fields: object, ...expected: readonly string[]): void {
  const errors = resource.strategy.validate(object(resource, fields));
  expect(errors.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
}

function checkCells(resource: Resource, fields: object, ...expected: readonly string[]): void {
  expect(resource.cells(object(resource, fields), 0).slice(1, -1)).toEqual(expected);
}

const slice = (fields: object) => ({ addressType: 'IPv4', ...fields });
const at = (...addresses: readonly string[]) => ({ endpoints: [{ addresses }] });

test('slices', () => {
  check(endpointSliceResource, slice(at('10.0.0.1')));
  check(endpointSliceResource, {}, 'addressType: Required value');
  check(
    endpointSliceResource,
    { addressType: 'x' },
    'addressType: Unsupported value: "x": supported values: "FQDN", "IPv4", "IPv6"',
  );
  check(endpointSliceResource, slice(at()), 'endpoints[0].addresses: Required value: must contain at least 1 address');
  check(endpointSliceResource, slice(at('::1')), 'endpoints[0].addresses[0]: Invalid value: "::1": must be a valid IPv4 address');
  check(endpointSliceResource, { addressType: 'IPv6', ...at('fd00::1') });
  check(
    endpointSliceResource,
    slice(at('127.0.0.1', '169.254.20.10')),
    'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    'endpoints[0].addresses[1]: Invalid value: "169.254.20.10": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  );
  check(
    endpointSliceResource,
    { addressType: 'FQDN', ...at('db') },
    'endpoints[0].addresses[0]: Invalid value: "db": should be a domain with at least two segments separated by dots',
  );
  check(
    endpointSliceResource,
    slice({ endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] })) }),
    'endpoints: Too many: 1001: must have at most 1000 items',
  );
  check(endpointSliceResource, slice({ ports: [{ port: 1 }, { port: 2 }] }), 'ports[1].name: Duplicate value: ""');
  check(
    endpointSliceResource,
    slice({ ports: [{ port: 1, protocol: 'x' }] }),
    'ports[0].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP"',
  );
  const typed = (addressType: string) => object(endpointSliceResource, { addressType });
  expect(endpointSliceResource.strategy.validateUpdate?.(typed('IPv6'), typed('IPv4'))).toMatchObject([{ field: 'addressType' }]);
});

test('endpoints', () => {
  const subset = (fields: object) => ({ subsets: [{ addresses: [{ ip: '10.0.0.1' }], ...fields }] });
  check(endpointsResource, {});
  check(endpointsResource, subset({ ports: [{ port: 80 }] }));
  check(endpointsResource, { subsets: [{}] }, 'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`');
  check(
    endpointsResource,
    subset({ addresses: [{ ip: 'x' }], ports: [{ port: 0 }, { name: 'b', port: 1 }] }),
    'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'subsets[0].ports[0].name: Required value',
    'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  );
  check(
    endpointsResource,
    subset({ notReadyAddresses: [{ ip: '127.0.0.1', hostname: 'A' }] }),
    expect.stringContaining('subsets[0].notReadyAddresses[0].hostname: Invalid value: "A"') as string,
    'subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  );
});

test('what a Table shows of them', () => {
  const ips = (...numbers: readonly number[]) => numbers.map((number) => `10.0.0.${number}`);
  const many = slice({ endpoints: ips(1, 2, 3, 4, 5).map((ip) => ({ addresses: [ip] })), ports: [{ port: 80 }, { name: 'b' }] });
  checkCells(endpointSliceResource, slice({}), 'IPv4', '<unset>', '<unset>');
  checkCells(endpointSliceResource, many, 'IPv4', '80,b', '10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...');
  const subset = {
    addresses: ips(1, 2).map((ip) => ({ ip })),
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 90 },
    ],
  };
  checkCells(endpointsResource, {}, '<none>');
  checkCells(endpointsResource, { subsets: [{ ...subset, ports: [] }] }, '10.0.0.1,10.0.0.2');
  checkCells(endpointsResource, { subsets: [subset] }, '10.0.0.1:80,10.0.0.2:80,10.0.0.1:90 + 1 more...');
  checkCells(endpointsResource, { subsets: [{ notReadyAddresses: subset.addresses }] }, '');
});
