import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { judgeFirewall } from '#doctor/checks/firewall.ts';
import { createBeside, type Beside } from '../support/beside.ts';
import { A, B, C, CLIENT, FAR, NODE, TABLE, VIP, startServiceWorld, tcp, type ServiceWorld } from '../support/service-world.ts';

/** ufw and firewalld themselves, as Debian has them, on a node: whatever order they start in, pods are served, and what an operator must open is what the doctor says. */
let beside: Beside;
beforeAll(async () => (beside = await createBeside()), 600_000);
afterAll(() => beside.remove());

const INSIDE = { address: TABLE.address, port: 5300 };
const PORTS = [tcp([A, FAR], { nodePort: 30_080 }), tcp([INSIDE], { key: 'default/kubernetes', clusterIp: '10.96.0.1' })];

/** What of all that pods and nodes need does not come through. */
async function blocked(world: ServiceWorld): Promise<readonly string[]> {
  const { peers } = world;
  const wrong: string[] = [];
  const check = async (what: string, answer: Promise<string>, expected: RegExp) => {
    const text = await answer;
    if (!expected.test(text)) wrong.push(`${what}: ${text}`);
  };
  const names = async (who: 'a' | 'host') =>
    (await peers[who].ask({ type: 'send', name: crypto.randomUUID(), host: TABLE.address, port: 53 })).text;
  const both = async (who: 'c' | 'host' | 'client', host: string, port: number) =>
    Object.keys(await peers[who].count(host, port, 16))
      .toSorted()
      .join();
  await check('a pod to a service', both('c', VIP, 80), /^a,far$/);
  await check('the node to a service', both('host', VIP, 80), /^a,far$/);
  await check('the LAN to a node port', both('client', NODE, 30_080), /^a,far$/);
  await check('the LAN to a host port', peers.client.fetch(NODE, 8088), /^b /);
  await check('names by UDP', names('a'), /^host /);
  await check('names by TCP', peers.a.fetch(TABLE.address, 53), /^host /);
  await check('names for the node', names('host'), /^host /);
  await check('the API', peers.a.fetch('10.96.0.1', 80), /^host /);
  await check('pod to pod', peers.a.fetch(B.address, 8080), /^b /);
  await check('to a pod of another node', peers.a.fetch(FAR.address, 8080), new RegExp(`^far ${A.address}$`));
  // As what comes to a node port there does, the source is that node.
  await check('from another node', peers.far.fetch(C.address, 8080), /^c /);
  await check('the world outside', peers.a.fetch(CLIENT, 8080), new RegExp(`^client ${NODE}$`));
  return wrong;
}

async function startWorld(): Promise<ServiceWorld> {
  const world = await startServiceWorld('nft');
  await world.peers.client.ask({ type: 'serve-tcp', port: 8080, address: '0.0.0.0' });
  await world.ensure(...PORTS);
  await world.peers.host.ask({ type: 'serve-udp', port: 53, address: TABLE.address });
  await ensureNode(world);
  return world;
}
const ensureNode = (world: ServiceWorld) =>
  world.ensureNode([{ protocol: 'tcp', hostPort: 8088, address: B.address, port: 8080 }]);

describe('beside', () => {
  let world: ServiceWorld;
  beforeAll(async () => (world = await startWorld()));
  afterAll(() => world.stop());
  const pid = () => world.node.pid;

  test('nobody, all of it passes', async () => {
    expect(await blocked(world)).toEqual([]);
  });

  test('ufw, nothing has to be opened, before and after its reload', async () => {
    await beside.run(pid(), ['ufw', '--force', 'enable']);
    expect(await beside.run(pid(), ['ufw', 'status', 'verbose'])).toMatch(/Status: active[\s\S]*deny \(incoming\)/);
    await ensureNode(world);
    expect(await blocked(world)).toEqual([]);
    await beside.run(pid(), ['ufw', 'reload']);
    await ensureNode(world);
    expect(await blocked(world)).toEqual([]);
    // It keeps the node's own ports from the LAN.
    expect(await world.peers.client.fetch(NODE, 5300)).toBe('silence');
    await beside.run(pid(), ['ufw', 'disable']);
  });

  test('firewalld, what the doctor says opens it, and stays over a reload', async () => {
    await beside.run(pid(), ['sh', '-c', 'mkdir -p /run/dbus && rm -f /run/dbus/pid']);
    await beside.start(pid(), ['dbus-daemon', '--system', '--nofork', '--nopidfile'], () =>
      beside.run(pid(), ['test', '-S', '/run/dbus/system_bus_socket']).then(
        () => true,
        () => false,
      ),
    );
    await beside.start(pid(), ['firewalld', '--nofork', '--nopid'], () =>
      beside.run(pid(), ['firewall-cmd', '--state']).then(
        () => true,
        () => false,
      ),
    );
    await ensureNode(world);
    const before = await blocked(world);
    process.stdout.write(`firewalld blocks: ${JSON.stringify(before)}\n`);
    expect(before).not.toEqual([]);
    const gate = { active: true, server: true, pods: false };
    const [verdict] = judgeFirewall({
      role: 'agent',
      port: 6443,
      clusterCidr: '10.32.0.0/11',
      ufw: { active: false },
      firewalld: gate,
    });
    const lines = (verdict?.advice ?? '').split('\n').flatMap((line) => (line.includes('firewall-cmd') ? [line.trim()] : []));
    expect(lines).toHaveLength(6);
    for (const line of lines) await beside.run(pid(), line.split(' '));
    await ensureNode(world);
    expect(await blocked(world)).toEqual([]);
    await beside.run(pid(), ['firewall-cmd', '--reload']);
    await ensureNode(world);
    expect(await blocked(world)).toEqual([]);
    expect(await world.peers.client.fetch(NODE, 5300)).not.toContain('host');
  });
});
