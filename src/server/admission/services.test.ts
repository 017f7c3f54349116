import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '#api/object.ts';
import { statusOf } from '#api/status.ts';
import { openCluster, refusalOf, service, specOf, USER } from '../../../test/support/admission.ts';
import { withFolder } from '../../../test/support/store.ts';
import { join } from 'node:path';

describe('cluster IPs', () => {
  test('a service gets one of the range, and its claim; it is given back with the service', async () => {
    const { create, remove, claims } = await openCluster();
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = specOf(await create('services', service()));
    expect(String(clusterIP)).toMatch(/^10\.96\.\d+\.\d+$/);
    expect({ clusterIPs, ipFamilies, ipFamilyPolicy }).toEqual({
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    expect(claims()).toEqual([`cluster-ip/${String(clusterIP)}`]);
    await remove('services', 'web');
    expect(claims()).toEqual([]);
  });

  test('headless and external ones get none', async () => {
    const { create, claims } = await openCluster();
    const headless = specOf(await create('services', service({ clusterIP: 'None' }, 'headless')));
    expect(headless).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] });
    const external = { type: 'ExternalName', externalName: 'x.y', ports: undefined, selector: undefined };
    expect(specOf(await create('services', service(external, 'external'))).clusterIP).toBe(undefined);
    expect(claims()).toEqual([]);
  });

  /** One service with this spec, after one that has 10.96.0.10. */
  async function checkRefused(spec: object, code: number, message: string): Promise<void> {
    const { create } = await openCluster();
    await create('services', service({ clusterIP: '10.96.0.10' }, 'first'));
    expect(await refusalOf(create('services', service(spec)))).toMatchObject({ code, message });
  }

  test('an address of one’s own choice', async () => {
    const { create, claims } = await openCluster();
    expect(specOf(await create('services', service({ clusterIP: '10.96.0.10' })))).toMatchObject({ clusterIPs: ['10.96.0.10'] });
    expect(claims()).toEqual(['cluster-ip/10.96.0.10']);
  });
  test('taken', () =>
    checkRefused(
      { clusterIP: '10.96.0.10' },
      422,
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    ));
  test('the API’s own, whether default/kubernetes is there or not, which gets it back', async () => {
    const { create, update } = await openCluster();
    const kubernetes = service({ clusterIP: '10.96.0.1' }, 'kubernetes');
    for (const thief of [
      service({ clusterIP: '10.96.0.1' }),
      { ...kubernetes, metadata: { name: 'kubernetes', namespace: 'shop' } },
    ])
      expect((await refusalOf(create('services', thief, thief.metadata.namespace))).message).toMatch(/already allocated$/);
    await create('services', kubernetes);
    const external = { type: 'ExternalName', externalName: 'x.y' };
    await update('services', 'kubernetes', (old) => ({ ...old, spec: { ...specOf(old), ...external } }));
    const back = { type: 'ClusterIP', clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] };
    const given = await update('services', 'kubernetes', (old) => ({ ...old, spec: { ...specOf(old), ...back } }));
    expect(specOf(given)).toMatchObject(back);
  });
  test.each(['10.97.0.1', '192.168.0.1', '10.96.0.0', '10.96.255.255', '10.95.255.255'])('%s is not in the range', (ip) =>
    checkRefused(
      { clusterIP: ip },
      422,
      `Service "web" is invalid: spec.clusterIPs: Invalid value: ["${ip}"]: failed to allocate IP ${ip}: provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/16`,
    ),
  );
  test('not an address', () =>
    checkRefused(
      { clusterIP: 'abc' },
      422,
      'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: "abc": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ));
  test('of the other family', () =>
    checkRefused(
      { clusterIP: 'fd00::1' },
      422,
      'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    ));
  test('two families', () =>
    checkRefused(
      { ipFamilyPolicy: 'RequireDualStack' },
      422,
      'Service "web" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ));
  test('a family by name', () =>
    checkRefused(
      { ipFamilies: ['IPv6'] },
      422,
      'Service "web" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ));

  test('an update keeps it, a change of type gives it back and takes another', async () => {
    const { create, update, claims } = await openCluster();
    const first = specOf(await create('services', service()));
    const kept = await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), ports: [{ port: 81 }] } }));
    expect(specOf(kept).clusterIP).toBe(first.clusterIP);
    await update('services', 'web', (old) => ({
      ...old,
      spec: { ...specOf(old), type: 'ExternalName', externalName: 'x.y' },
    }));
    expect(claims()).toEqual([]);
    const back = await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), type: 'ClusterIP' } }));
    expect(claims()).toEqual([`cluster-ip/${String(specOf(back).clusterIP)}`]);
  });

  test('a dry run gives one and keeps nothing', async () => {
    const { create, claims } = await openCluster();
    expect(specOf(await create('services', service(), 'default', true)).clusterIP).toBeTruthy();
    expect(claims()).toEqual([]);
  });

  test('every address of a small range is given once, those for static choice last; then it is full', async () => {
    const { create, remove } = await openCluster({ serviceCIDR: '10.0.0.64/26' });
    const given: string[] = [];
    for (let at = 0; at < 61; at += 1) given.push(String(specOf(await create('services', service({}, `s${at}`))).clusterIP));
    expect(new Set(given).size).toBe(61);
    expect(given.every((ip) => /^10\.0\.0\.(6[6-9]|[7-9]\d|1[01]\d|12[0-6])$/.test(ip))).toBe(true);
    expect(given.slice(-15)).toEqual(Array.from({ length: 15 }, (_, at) => `10.0.0.${66 + at}`));
    expect(await refusalOf(create('services', service({}, 'late')))).toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    });
    await remove('services', 's30');
    expect(specOf(await create('services', service({}, 'late'))).clusterIP).toBe(given[30]);
  });

  test('many at once never share one, though all choose from the same few', () =>
    fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { create, claims } = await openCluster({ seed, serviceCIDR: '10.0.0.0/28' });
        const made = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => create('services', service({}, `s${at}`))));
        const ips = made.flatMap((end) => (end.status === 'fulfilled' ? [String(specOf(end.value).clusterIP)] : []));
        expect(new Set(ips).size).toBe(ips.length);
        expect(claims().toSorted()).toEqual(ips.map((ip) => `cluster-ip/${ip}`).toSorted());
        expect(ips.length).toBeGreaterThan(4);
      }),
      { numRuns: 20 },
    ));
});

describe('node ports', () => {
  const portsOf = (object: KubeObject) =>
    (specOf(object).ports as readonly { readonly nodePort?: number }[]).map((port) => port.nodePort); // Services have them.

  test('each port gets one above those for static choice; the same port of two protocols has one', async () => {
    const { create, claims } = await openCluster();
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      { name: 'web', port: 80 },
    ];
    const [udp = 0, tcp, web = 0] = portsOf(await create('services', service({ type: 'NodePort', ports })));
    expect([udp === tcp, udp === web]).toEqual([true, false]);
    for (const port of [udp, web]) expect(port >= 30_086 && port <= 32_767).toBe(true);
    expect(claims().filter((claim) => claim.startsWith('node-port')).length).toBe(3);
  });

  test('a ClusterIP service gets none', async () => {
    const { create } = await openCluster();
    expect(portsOf(await create('services', service()))).toEqual([undefined]);
  });

  test('a load balancer without node ports gets none, but the one for health checks where it needs it', async () => {
    const { create, claims } = await openCluster();
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, externalTrafficPolicy: 'Local' };
    const made = await create('services', service(spec));
    const check = Number(specOf(made).healthCheckNodePort);
    expect([portsOf(made), check >= 30_000]).toEqual([[undefined], true]);
    expect(claims()).toContain(`node-port/${check}/TCP`);
    const taken = service({ ...spec, healthCheckNodePort: check }, 'other');
    expect(await refusalOf(create('services', taken))).toMatchObject({
      code: 500,
      message: `Internal error occurred: failed to allocate requested HealthCheck NodePort ${check}: provided port is already allocated`,
    });
  });

  /** One service with these ports, after one that has 30080/TCP. */
  async function checkPorts(ports: readonly object[], expected: string): Promise<void> {
    const { create } = await openCluster();
    await create('services', service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }, 'first'));
    const outcome = await create('services', service({ type: 'NodePort', ports })).then(
      (object) => portsOf(object).join(' '),
      (error: unknown) => statusOf(error).message ?? '',
    );
    expect(outcome).toBe(expected);
  }

  test('one of one’s own choice', () => checkPorts([{ port: 80, nodePort: 30_081 }], '30081'));
  test('taken, also by another protocol', async () => {
    for (const protocol of ['TCP', 'UDP'])
      await checkPorts(
        [{ port: 80, protocol, nodePort: 30_080 }],
        'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
      );
  });
  test('of two that ask for one number at once, by whatever protocols, one gets it and the other hears why', async () => {
    for (const [one, other] of [
      ['TCP', 'UDP'],
      ['UDP', 'SCTP'],
      ['UDP', 'UDP'],
    ]) {
      const { create, claims, remove } = await openCluster();
      const asked = (protocol?: string) => ({ type: 'NodePort', ports: [{ port: 80, protocol, nodePort: 30_080 }] });
      const made = await Promise.allSettled([
        create('services', service(asked(one), 'one')),
        create('services', service(asked(other), 'other')),
      ]);
      const refusals = made.flatMap((end) => (end.status === 'fulfilled' ? [] : [statusOf(end.reason).message]));
      expect(refusals).toEqual([
        expect.stringMatching(/: spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated$/),
      ]);
      await remove('services', made[0]?.status === 'fulfilled' ? 'one' : 'other');
      expect(claims().filter((claim) => claim.startsWith('node-port'))).toEqual([]);
    }
  });
  test('not in the range', () =>
    checkPorts(
      [{ port: 80, nodePort: 29_999 }],
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 29999: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ));

  test('an update keeps them; becoming a ClusterIP service gives them back', async () => {
    const { create, update, claims } = await openCluster();
    const made = await create('services', service({ type: 'NodePort' }));
    const more = await update('services', 'web', (old) => ({
      ...old,
      spec: {
        ...specOf(old),
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      },
    }));
    expect(portsOf(more)[0]).toBe(portsOf(made)[0]);
    expect(portsOf(more)[1]).toBeGreaterThan(30_000);
    await update('services', 'web', (old) => ({ ...old, spec: { ...specOf(old), type: 'ClusterIP' } }));
    expect(claims().filter((claim) => claim.startsWith('node-port'))).toEqual([]);
  });
});

test('what was given out is given out after a restart, too', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const spec = { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 30_080 }] };
    const first = await openCluster({ file });
    await first.create('services', service(spec, 'first'));
    await first.store.close();
    const second = await openCluster({ file, namespaces: [] });
    expect((await refusalOf(second.create('services', service({ clusterIP: '10.96.0.10' })))).message).toBe(
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    expect((await refusalOf(second.create('services', service({ ...spec, clusterIP: '' })))).message).toBe(
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    await second.remove('services', 'first');
    await second.create('services', service(spec));
    await second.store.close();
  }));

describe('what is the machines’ own is not given away', () => {
  const apiServer = () => ({ address: '192.0.2.9', port: 30_443 });
  const balanced = (port: number, more: object = {}) =>
    service({ type: 'LoadBalancer', ports: [{ port, protocol: 'TCP' }], ...more });

  test('the ports of ssh and of the server, for services that have the nodes’ addresses', async () => {
    const { create, update } = await openCluster({ apiServer });
    expect((await refusalOf(create('services', balanced(22)))).message).toContain(
      'spec.ports[0].port: Invalid value: 22: nodes are reached by ssh',
    );
    expect((await refusalOf(create('services', balanced(30_443)))).message).toContain('the server listens there');
    const other = { loadBalancerClass: 'example.com/other' };
    await create('services', { ...balanced(22, other), metadata: { name: 'other' } });
    await create('services', balanced(80));
    const to22 = update('services', 'web', (old) => ({
      ...old,
      spec: { ...specOf(old), ports: [{ port: 22, protocol: 'TCP' }] },
    }));
    expect((await refusalOf(to22)).code).toBe(422);
  });

  test('the server’s port, where it is one of the range of node ports', async () => {
    const { create } = await openCluster({ apiServer });
    const asked = service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_443 }] });
    expect((await refusalOf(create('services', asked))).message).toBe(
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30443: the server listens on this port',
    );
  });

  test('addresses of nodes, of the server and link-local ones, in a status; only our own controller writes nodes’', async () => {
    const { create, put, updateStatus } = await openCluster({ apiServer });
    await put('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'a' },
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
    });
    await create('services', balanced(80));
    const say = (ip: string, user = USER) =>
      updateStatus('services', 'web', { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } }, user);
    expect((await refusalOf(say('192.0.2.1'))).message).toContain('it is the address of node "a"');
    expect((await refusalOf(say('192.0.2.9'))).message).toContain('it is the address of the server');
    expect((await refusalOf(say('169.254.20.10'))).message).toContain('may not be in the link-local range');
    await say('203.0.113.5');
    await say('192.0.2.1', { name: 'system:controller:service-lb', groups: [] });
  });
});
