import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import type { Command } from '#net/wire/command.ts';
import { createClearing } from '#net/wire/clear.ts';
import { createWiring } from '#net/wire/ip-wiring.ts';
import { startDockerNode, NODE_ITEM_10_32 } from '../support/docker-node.ts';
import { loadBusybox, until } from '../support/engine.ts';
import { podItem } from '../support/fake-node.ts';
import { connect, startNetns } from '../support/netns.ts';

/** Wiring where nft is refused, and pulls from a registry: each on engines and namespaces of their own. */
const { signal } = new AbortController();
const cleanups: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

test('a node without nft: pods are masqueraded and reached by iptables, and nobody else is forwarded', async () => {
  const [node, pod, outside, other] = await Promise.all([startNetns(), startNetns(), startNetns(), startNetns()]);
  for (const netns of [node, pod, outside, other]) cleanups.push(netns.stop);
  await connect(node, '10.9.9.1', outside, '10.9.9.2');
  await connect(node, '10.8.8.1', other, '10.8.8.2');
  const dir = await mkdtemp(join(tmpdir(), 'skerry-wiring-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'index.html'), 'served');
  await node.command('tee', ['/proc/sys/net/ipv4/ip_forward'], '0\n', signal);
  const withoutNft: Command = (file, args, input, abort) =>
    file === 'nft'
      ? Promise.reject(new SkerryError('ToolMissing', 'nft is not installed on this node'))
      : node.command(file, args, input, abort);
  const wiring = createWiring(withoutNft);
  const hostPorts = [{ protocol: 'tcp', hostPort: 8080, address: '10.32.0.1', port: 80 }] as const;
  const network = { podCidr: '10.32.0.0/25', clusterCidr: '10.32.0.0/11', hostPorts };
  await wiring.ensureNode(network, signal);
  await wiring.ensureNode(network, signal);
  await wiring.wire({ podUid: 'p', sandboxId: 's', address: '10.32.0.1', pid: pod.pid }, signal);
  const serve = (netns: typeof pod, port: number) =>
    void netns.run('timeout', '60', '/bin/busybox', 'httpd', '-f', '-p', String(port), '-h', dir).catch(() => undefined);
  serve(pod, 80);
  serve(outside, 90);
  const fetch = (netns: typeof pod, url: string) =>
    netns.run('timeout', '2', '/bin/busybox', 'wget', '-q', '-O', '-', url).catch(() => 'nothing');
  await until(async () => (await fetch(pod, 'http://10.9.9.2:90/')) === 'served', 'the outside, masqueraded');
  await until(async () => (await fetch(outside, 'http://10.9.9.1:8080/')) === 'served', 'the host port');
  // The other network routes by us, and is not ours to forward.
  await other.run('ip', 'route', 'add', 'default', 'via', '10.8.8.1');
  await outside.run('ip', 'route', 'add', 'default', 'via', '10.9.9.1');
  expect(await fetch(other, 'http://10.9.9.2:90/')).toBe('nothing');
  expect(await fetch(other, 'http://10.8.8.1:8080/')).toBe('served');
  await wiring.unwire('p', signal);
  expect([...(await wiring.observe(signal))]).toEqual([]);
  // What was made is taken back, and nothing else.
  await node.run('iptables', '-N', 'FOREIGN');
  const clearing = createClearing(withoutNft);
  expect(await clearing.forwarding(signal)).toBe('turned off');
  expect(await node.run('cat', '/proc/sys/net/ipv4/ip_forward')).toBe('0\n');
  expect(await clearing.rules(signal)).toEqual(
    ['SKERRY-FORWARD', 'SKERRY-PORTS', 'SKERRY-POSTROUTING'].map((name) => `iptables chain ${name}`),
  );
  expect(await node.run('iptables-save')).not.toContain('SKERRY');
  expect(await node.run('iptables', '-S')).toContain('-N FOREIGN');
  expect(await clearing.rules(signal)).toEqual([]);
});

test('a node with nft is cleared of its links and rules; links of pods that stay, stay', async () => {
  const [node, one, two] = await Promise.all([startNetns(), startNetns(), startNetns()]);
  for (const netns of [node, one, two]) cleanups.push(netns.stop);
  const wiring = createWiring(node.command);
  await wiring.ensureNode({ podCidr: '10.32.0.0/25', clusterCidr: '10.32.0.0/11', hostPorts: [] }, signal);
  await wiring.wire({ podUid: 'one', sandboxId: 's', address: '10.32.0.1', pid: one.pid }, signal);
  await wiring.wire({ podUid: 'two', sandboxId: 's', address: '10.32.0.2', pid: two.pid }, signal);
  await node.run('ip', 'link', 'add', 'skeleton', 'type', 'bridge');
  await node.run('nft', 'add', 'table', 'ip', 'foreign');
  const clearing = createClearing(node.command);
  expect(await clearing.links(new Set(['two']), signal)).toHaveLength(1);
  expect([...(await wiring.observe(signal)).keys()]).toEqual(['two']);
  // Somebody else's interfaces live by forwarding now.
  await node.run('ip', 'link', 'add', 'docker0', 'type', 'bridge');
  expect(await clearing.forwarding(signal)).toBe('used by others');
  expect(await clearing.rules(signal)).toEqual(['nft table skerry']);
  expect(await clearing.forwarding(signal)).toBe('not ours');
  expect(await clearing.links(new Set(), signal)).toHaveLength(1);
  expect(await node.run('ip', 'route')).toBe('');
  expect(await node.run('ip', '-br', 'link')).toContain('skeleton');
  expect(await node.run('nft', 'list', 'tables')).toBe('table ip foreign\n');
  expect([await clearing.rules(signal), await clearing.links(new Set(), signal)]).toEqual([[], []]);
});

test('an image is pulled from a registry, and a tag that is not there is told', async () => {
  const node = await startDockerNode();
  cleanups.push(node.stop);
  const port = await freePort();
  const registry = await startRegistry(port);
  cleanups.push(registry.stop);
  await loadBusybox(node.engine.socketPath, `127.0.0.1:${port}/app:1`, { marker: 'pulled' });
  await until(
    () =>
      node.docker('push', '-q', `127.0.0.1:${port}/app:1`).then(
        () => true,
        () => false,
      ),
    'the push',
  );
  await node.docker('rmi', `127.0.0.1:${port}/app:1`);
  node.boot();
  node.ledger.set([
    NODE_ITEM_10_32,
    podItem('good', { containers: [{ image: `127.0.0.1:${port}/app:1` }] }),
    podItem('bad', { containers: [{ image: `127.0.0.1:${port}/app:2` }] }),
  ]);
  await node.untilPhase('uid-good', 'Running');
  expect(node.status('uid-good')?.containerStatuses?.[0]?.imageID).toContain('sha256:');
  await until(() => node.status('uid-bad')?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull', 'the error');
  expect(node.status('uid-bad')?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(/manifest.*(unknown|not found)/);
  await until(
    () => node.status('uid-bad')?.containerStatuses?.[0]?.state?.waiting?.reason === 'ImagePullBackOff',
    'the back-off',
  );
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address of this shape.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startRegistry(port: number): Promise<{ readonly stop: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'skerry-registry-'));
  await mkdir(join(dir, 'data'));
  const config = `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${join(dir, 'data')}\nhttp:\n  addr: 127.0.0.1:${port}\n`;
  await writeFile(join(dir, 'config.yml'), config);
  const registry: ChildProcess = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
  return {
    stop: async () => {
      registry.kill('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
