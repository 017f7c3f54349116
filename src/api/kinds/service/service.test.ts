import { expect, test } from 'vitest';
import type { Service, ServiceSpec, ServiceStatus } from '../../generated/types.ts';
import { serviceResource } from '../service.ts';

const { strategy } = serviceResource;

function service(spec: ServiceSpec, status?: ServiceStatus): Service {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'default' },
    spec: { ports: [{ port: 80 }], ...spec },
  };
  return { ...(strategy.prepareForCreate?.(strategy.default(object)) as Service), ...(status === undefined ? {} : { status }) };
}

function check(spec: ServiceSpec, ...expected: readonly string[]): void {
  expect(strategy.validate(service(spec)).map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
}

test('ports', () => {
  check({});
  check({ ports: [] }, 'spec.ports: Required value');
  check({ ports: [], clusterIP: 'None' });
  check(
    { ports: [{ port: 0 }] },
    'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
  );
  check({ ports: [{ port: 1 }, { port: 2, name: 'b' }] }, 'spec.ports[0].name: Required value');
  check(
    {
      ports: [
        { port: 1, name: 'a' },
        { port: 2, name: 'a' },
      ],
    },
    'spec.ports[1].name: Duplicate value: "a"',
  );
  check(
    {
      ports: [
        { port: 1, name: 'a' },
        { port: 1, name: 'b' },
      ],
    },
    'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}',
  );
  check(
    { ports: [{ port: 1, nodePort: 30_000 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  );
  check(
    { ports: [{ port: 1, protocol: 'x' }] },
    'spec.ports[0].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP"',
  );
});

test('types and addresses', () => {
  check(
    { type: 'Odd' },
    'spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  );
  check(
    { clusterIP: 'x' },
    'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  );
  check(
    { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'] },
    'spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`',
  );
  check(
    { clusterIP: '10.0.0.1', ipFamilies: ['IPv6'] },
    'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
  );
  check(
    { type: 'NodePort', clusterIP: 'None' },
    'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
  );
  check({ type: 'ExternalName', externalName: 'a.b.' });
  check({ type: 'ExternalName' }, 'spec.externalName: Required value');
  check(
    { externalIPs: ['127.0.0.1'] },
    'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  );
  check(
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
  );
  check(
    { externalTrafficPolicy: 'Local' },
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  );
  check({ loadBalancerClass: 'a/b' }, "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'");
});

function update(next: ServiceSpec, old: ServiceSpec): { readonly spec: ServiceSpec; readonly errors: readonly string[] } {
  const before = service(old);
  const raw = strategy.default({ ...before, spec: { ports: [{ port: 80 }], ...next } });
  const after = strategy.prepareForUpdate!(raw, before);
  const errors = [...strategy.validate(after), ...strategy.validateUpdate!(after, before)];
  return { spec: (after as Service).spec!, errors: errors.map(({ field, message }) => `${field}: ${message}`) };
}

test('what was allotted is kept, and can not be changed', () => {
  const old: ServiceSpec = { type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30_080 }] };
  const kept = update({ type: 'NodePort' }, old);
  expect(kept.errors).toEqual([]);
  expect(kept.spec).toMatchObject({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 80, nodePort: 30_080 }] });
  expect(update({ type: 'NodePort', clusterIP: '10.0.0.2' }, old).errors).toEqual([
    'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
  ]);
});

test('another type drops what belonged to the old one', () => {
  const old: ServiceSpec = { type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30_080 }] };
  const { spec, errors } = update({ ...old, type: 'ClusterIP', externalTrafficPolicy: 'Cluster' }, old);
  expect(errors).toEqual([]);
  expect(spec.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }]);
  expect(spec.externalTrafficPolicy).toBeUndefined();
  const named = update({ ...service(old).spec, type: 'ExternalName', externalName: 'a.b' }, old);
  expect(named.errors).toEqual([]);
  expect(named.spec.clusterIP).toBeUndefined();
  expect(named.spec.ipFamilies).toBeUndefined();
});

test('claims: each address and each port of the node', () => {
  const claims = strategy.claims!(
    service({
      type: 'NodePort',
      clusterIP: '10.0.0.1',
      ports: [
        { port: 1, name: 'a', nodePort: 30_001 },
        { port: 1, name: 'b', protocol: 'UDP', nodePort: 30_001 },
      ],
    }),
  );
  expect(claims).toEqual(['cluster-ip/10.0.0.1', 'node-port/30001/TCP', 'node-port/30001/UDP']);
  expect(strategy.claims!(service({ clusterIP: 'None' }))).toEqual([]);
});

test('cells', () => {
  const cells = (spec: ServiceSpec, status?: ServiceStatus) => serviceResource.cells(service(spec, status), 0).slice(1, 5);
  expect(cells({ clusterIP: '10.0.0.1' })).toEqual(['ClusterIP', '10.0.0.1', '<none>', '80/TCP']);
  expect(cells({ type: 'NodePort', ports: [{ port: 1, nodePort: 30_001 }] })).toEqual([
    'NodePort',
    '<none>',
    '<none>',
    '1:30001/TCP',
  ]);
  expect(cells({ type: 'LoadBalancer' })[2]).toBe('<pending>');
  const ingress = [{ hostname: 'b' }, { ip: '1.2.3.4' }];
  expect(cells({ type: 'LoadBalancer', externalIPs: ['5.6.7.8'] }, { loadBalancer: { ingress } })[2]).toBe('1.2.3.4,b,5.6.7.8');
  expect(cells({ type: 'ExternalName', externalName: 'a.b' })).toEqual(['ExternalName', '<none>', 'a.b', '80/TCP']);
});

test('a status names addresses of load balancers only, each with its mode', () => {
  const told = (ingress: readonly object[], spec: ServiceSpec = { type: 'LoadBalancer' }) => {
    const object = strategy.default({ ...service(spec), status: { loadBalancer: { ingress } } });
    const errors = strategy.validateStatusUpdate?.(object, object) ?? [];
    return [(object as Service).status?.loadBalancer?.ingress, ...errors.map(({ field, message }) => `${field}: ${message}`)];
  };
  const first = 'status.loadBalancer.ingress[0]';
  expect(told([{ ip: '192.0.2.1' }])).toEqual([[{ ip: '192.0.2.1', ipMode: 'VIP' }]]);
  expect(told([{ hostname: 'lb.example.com' }])).toHaveLength(1);
  expect(told([{ ip: 'x' }]).slice(1)).toEqual([
    expect.stringContaining(`${first}.ip: Invalid value: "x": must be a valid IP address`),
  ]);
  expect(told([{ ip: '192.0.2.1', ipMode: 'Other' }]).slice(1)).toEqual([
    `${first}.ipMode: Unsupported value: "Other": supported values: "Proxy", "VIP"`,
  ]);
  expect(told([{ hostname: '192.0.2.1', ipMode: 'VIP' }]).slice(1)).toEqual([
    `${first}.ipMode: Forbidden: may not be specified when \`ip\` is not set`,
    `${first}.hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address`,
  ]);
  expect(told([{ ip: '192.0.2.1' }], {}).slice(1)).toEqual([
    "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
  ]);
});
