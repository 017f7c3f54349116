import { mkdtemp, readFile, readdir, readlink, rm, stat, symlink, mkdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { podItem } from '../../../test/support/fake-node.ts';
import { documentsOf } from '../../../test/support/memory-ledger.ts';
import type { Item, PodItem } from '#api/link/items.ts';
import { writeAtomicFolder } from './atomic-folder.ts';
import { hostsFile } from './hosts-file.ts';
import { parseResolvConf, resolvConf } from './resolv-conf.ts';
import { createVolumes, type Volumes } from './volumes.ts';

let dir: string;
let mounted: string[];
let sizes: number[];
let volumes: Volumes;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skerry-volumes-'));
  mounted = [];
  sizes = [];
  // Mounting takes root; what is mounted on a real node is tested there (test/e2e/agent-pods.test.ts).
  const tmpfs = {
    mount: async (folder: string, sizeBytes: number) => {
      mounted.push(folder);
      sizes.push(sizeBytes);
    },
    unmountAll: async () => [],
  };
  volumes = createVolumes({
    dataDir: dir,
    tmpfs,
    nodeHostname: 'node-1',
    resolverFiles: { resolvConf: join(dir, 'resolv.conf'), behindStub: join(dir, 'behind-stub') },
    hostsPath: '/dev/null',
  });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const FACTS = {
  address: '10.32.0.9',
  hostAddress: undefined,
  nodeName: 'node-1',
  allocatable: { cpuMilli: 1, memoryBytes: 2 ** 30, storageBytes: 1 },
};
const MAP: Item = {
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name: 'map' },
  data: { a: '1', 'b.conf': '2' },
  binaryData: { c: 'AAE=' },
};

async function prepare(item: PodItem, ...sources: readonly Item[]): Promise<void> {
  await volumes.prepare(item, documentsOf([item, ...sources]), FACTS);
}

test('files change all at once, under names that stay', async () => {
  const file = (path: string, text: string) => ({ path, content: Buffer.from(text), mode: 0o640 });
  await writeAtomicFolder(dir, [file('a', '1'), file('sub/b', '2')], undefined);
  expect(await readFile(join(dir, 'a'), 'utf8')).toBe('1');
  expect(await readlink(join(dir, 'sub'))).toBe('..data/sub');
  expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o640);
  const before = await readlink(join(dir, '..data'));
  await writeAtomicFolder(dir, [file('a', '1'), file('sub/b', '2')], undefined);
  expect(await readlink(join(dir, '..data'))).toBe(before);
  await writeAtomicFolder(dir, [file('a', '3')], undefined);
  expect(await readFile(join(dir, 'a'), 'utf8')).toBe('3');
  expect((await readdir(dir)).toSorted()).toEqual(['..data', await readlink(join(dir, '..data')), 'a'].toSorted());
});

test('volumes of a pod', async () => {
  const item = podItem('web', {
    spec: {
      volumes: [
        { name: 'map', configMap: { name: 'map' } },
        { name: 'one', configMap: { name: 'map', items: [{ key: 'a', path: 'deep/file', mode: 0o400 }] } },
        { name: 'empty', emptyDir: {} },
        { name: 'mem', emptyDir: { medium: 'Memory' } },
        { name: 'maybe', secret: { secretName: 'none', optional: true } },
        { name: 'host', hostPath: { path: join(dir, 'host'), type: 'DirectoryOrCreate' } },
      ],
    },
  });
  await prepare(item, MAP);
  const sources = volumes.sources(item);
  const at = (name: string, ...path: readonly string[]) => join(sources.get(name)?.path ?? '', ...path);
  expect(await readFile(at('map', 'b.conf'), 'utf8')).toBe('2');
  expect([...(await readFile(at('map', 'c')))]).toEqual([0, 1]);
  expect(await readFile(at('one', 'deep/file'), 'utf8')).toBe('1');
  expect((await stat(at('empty'))).mode & 0o777).toBe(0o777);
  expect((await readdir(at('maybe'))).filter((name) => !name.startsWith('..'))).toEqual([]);
  expect(mounted).toEqual([join(dir, 'pods/uid-web/secrets'), at('mem')]);
  expect([...sources].map(([name, { readOnly }]) => `${name} ${readOnly}`)).toEqual([
    'map true',
    'one true',
    'empty false',
    'mem false',
    'maybe true',
    'host false',
  ]);
  expect(await volumes.list()).toEqual(['uid-web']);
  await volumes.remove('uid-web');
  await volumes.remove('uid-web');
  expect(await volumes.list()).toEqual([]);
  expect((await stat(join(dir, 'host'))).isDirectory()).toBe(true);
});

test('a token, a certificate and a namespace in one volume, in memory; a new token takes its place at once', async () => {
  const secured = (spec: object) =>
    podItem('web', {
      spec: {
        serviceAccountName: 'robot',
        volumes: [
          {
            name: 'access',
            projected: {
              sources: [
                { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
                { configMap: { name: 'map', items: [{ key: 'a', path: 'ca.crt' }] } },
                { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
              ],
              defaultMode: 0o644,
            },
          },
        ],
        ...spec,
      },
    });
  const token = (text: string): Item => ({
    kind: 'Token',
    metadata: { podUid: 'uid-web', volume: 'access', path: 'token' },
    token: text,
  });
  const item = secured({});
  await prepare(item, MAP, token('first'));
  const folder = volumes.sources(item).get('access')?.path ?? '';
  expect(folder).toBe(join(dir, 'pods/uid-web/secrets/access'));
  expect(mounted).toContain(join(dir, 'pods/uid-web/secrets'));
  const texts = async () =>
    Promise.all(['token', 'ca.crt', 'namespace'].map(async (name) => readFile(join(folder, name), 'utf8')));
  expect(await texts()).toEqual(['first', '1', 'default']);
  expect((await stat(join(folder, 'token'))).mode & 0o777).toBe(0o644);
  await prepare(item, MAP, token('second'));
  expect(await texts()).toEqual(['second', '1', 'default']);
  await prepare(secured({ securityContext: { fsGroup: process.getgid?.() ?? 0 } }), MAP, token('second'));
  expect((await stat(join(folder, 'token'))).mode & 0o777).toBe(0o640);
  await expect(prepare(item, MAP)).rejects.toThrow('MountVolume.SetUp failed for volume "access" : failed to fetch token');
});

test('what containers of any user are to read is readable, whatever the umask', async () => {
  const before = process.umask(0o077);
  try {
    const configMap = { name: 'map', items: [{ key: 'a', path: 'deep/file' }] };
    const item = podItem('web', { spec: { volumes: [{ name: 'map', configMap }] } });
    await prepare(item, MAP);
    const path = volumes.sources(item).get('map')?.path ?? '';
    const modeOf = async (name: string) => ((await stat(name)).mode & 0o777).toString(8);
    expect([await modeOf(path), await modeOf(join(path, 'deep')), await modeOf(join(path, 'deep/file'))]).toEqual([
      '755',
      '755',
      '644',
    ]);
    expect(await modeOf(join(dir, 'pods/uid-web/etc/hosts'))).toBe('644');
  } finally {
    process.umask(before);
  }
});

test('memory for an emptyDir: its own limit, no more than the pod’s, no more than the node’s', async () => {
  const checkSize = async (sizeLimit: string | undefined, limits: readonly (string | undefined)[], expected: number) => {
    sizes = [];
    const emptyDir = { medium: 'Memory', ...(sizeLimit === undefined ? {} : { sizeLimit }) };
    const containers = limits.map((memory) => (memory === undefined ? {} : { resources: { limits: { memory } } }));
    await prepare(podItem('web', { containers, spec: { volumes: [{ name: 'm', emptyDir }] } }));
    expect(sizes).toEqual([expected]);
  };
  await checkSize('1Mi', ['64Mi'], 2 ** 20);
  await checkSize('1Gi', ['64Mi', '64Mi'], 2 ** 27);
  await checkSize('0', ['64Mi'], 2 ** 26);
  await checkSize(undefined, [undefined], 2 ** 30);
  await checkSize('8Gi', [undefined], 2 ** 30);
});

test('a hostPath file is made, the folder that it is to be in is not', async () => {
  const at = (path: string) =>
    podItem('web', { spec: { volumes: [{ name: 'h', hostPath: { path: join(dir, path), type: 'FileOrCreate' } }] } });
  await prepare(at('file'));
  expect((await stat(join(dir, 'file'))).mode & 0o777).toBe(0o644);
  await expect(prepare(at('none/file'))).rejects.toThrow(/MountVolume.SetUp failed for volume "h" : ENOENT.*none\/file/);
});

test('what cannot be mounted says so in the words of upstream', async () => {
  const host = podItem('web', { spec: { volumes: [{ name: 'h', hostPath: { path: '/nowhere/at/all', type: 'Directory' } }] } });
  await expect(prepare(host)).rejects.toThrow(
    'MountVolume.SetUp failed for volume "h" : hostPath type check failed: /nowhere/at/all is not a directory',
  );
  const missing = podItem('web', {
    spec: { volumes: [{ name: 'm', configMap: { name: 'map', items: [{ key: 'z', path: 'z' }] } }] },
  });
  await expect(prepare(missing, MAP)).rejects.toThrow('configmap references non-existent config key: z');
  const escaping = podItem('web', {
    spec: { volumes: [{ name: 'm', configMap: { name: 'map', items: [{ key: 'a', path: '../z' }] } }] },
  });
  await expect(prepare(escaping, MAP)).rejects.toThrow('leads out of its volume');
  const whole = podItem('web', { spec: { volumes: [{ name: 'm', configMap: { name: 'map' } }] } });
  await expect(prepare(whole, { ...MAP, data: { '../z': '1' } })).rejects.toThrow('leads out of its volume');
});

test('a subPath is made, and a link out of its volume is refused', async () => {
  const item = podItem('web', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } });
  await prepare(item);
  const path = volumes.sources(item).get('v')?.path ?? '';
  const mount = (sub: string) => ({ source: join(path, sub), target: '/m', readOnly: false });
  await volumes.ensureMounts(item, [mount('new/one')]);
  expect((await stat(join(path, 'new/one'))).isDirectory()).toBe(true);
  await mkdir(join(dir, 'elsewhere'));
  await symlink(join(dir, 'elsewhere'), join(path, 'link'));
  await expect(volumes.ensureMounts(item, [mount('link')])).rejects.toThrow('leads out of its volume');
});

test('the last words of a container are the end of its message', async () => {
  const item = podItem('web');
  const files = await volumes.files(item, item.spec.containers[0]!, 2);
  expect(files.map(({ target }) => target)).toEqual(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/dev/termination-log']);
  expect(await volumes.terminationMessage('uid-web', 'app', 2)).toBe('');
  await writeFile(files[3]!.source, `${'x'.repeat(5000)}end`);
  const words = await volumes.terminationMessage('uid-web', 'app', 2);
  expect([words.length, words.slice(-4)]).toEqual([4096, 'xend']);
});

test('of a container’s messages the last two are kept, and of a huge one only the end is read', async () => {
  const item = podItem('web');
  for (const attempt of [0, 1, 2, 3]) await volumes.files(item, item.spec.containers[0]!, attempt);
  const folder = join(dir, 'pods/uid-web/messages/app');
  expect((await readdir(folder)).toSorted()).toEqual(['2', '3']);
  // Sparse: more than a Buffer can hold.
  await truncate(join(folder, '3'), 2 ** 40);
  expect((await volumes.terminationMessage('uid-web', 'app', 3)).length).toBe(4096);
});

test('of two files at one path the last counts, and the same again changes nothing', async () => {
  const file = (text: string) => ({ path: 'a', content: Buffer.from(text), mode: 0o644 });
  await writeAtomicFolder(dir, [file('1'), file('2')], undefined);
  expect(await readFile(join(dir, 'a'), 'utf8')).toBe('2');
  const before = await stat(join(dir, 'a'));
  await writeAtomicFolder(dir, [file('1'), file('2')], undefined);
  expect((await stat(join(dir, 'a'))).ino).toBe(before.ino);
});

test('files that a power cut left empty are written again', async () => {
  const file = { path: 'a', content: Buffer.from('1'), mode: 0o644 };
  await writeAtomicFolder(dir, [file], undefined);
  await truncate(join(dir, 'a'), 0);
  await writeAtomicFolder(dir, [file], undefined);
  expect(await readFile(join(dir, 'a'), 'utf8')).toBe('1');
  await rm(join(dir, await readlink(join(dir, '..data')), 'a'));
  await writeAtomicFolder(dir, [file], undefined);
  expect(await readFile(join(dir, 'a'), 'utf8')).toBe('1');
});

test('hosts, hostname and resolv.conf of a pod', async () => {
  await writeFile(
    join(dir, 'resolv.conf'),
    '# a comment\nsearch lan home\nnameserver 192.0.2.53\nnameserver 127.0.0.1\noptions edns0\n',
  );
  const item = podItem('web', { spec: { hostAliases: [{ ip: '10.1.1.1', hostnames: ['a', 'b'] }], subdomain: 'sub' } });
  await prepare(item);
  const etc = (name: string) => readFile(join(dir, 'pods/uid-web/etc', name), 'utf8');
  expect(await etc('hosts')).toBe(hostsFile(item, '10.32.0.9', '', 'cluster.local'));
  expect(await etc('hosts')).toContain('10.32.0.9\tweb.sub.default.svc.cluster.local\tweb\n');
  expect(await etc('hosts')).toContain('10.1.1.1\ta\tb\n');
  expect(await etc('hostname')).toBe('web\n');
  const cluster = 'default.svc.cluster.local svc.cluster.local cluster.local';
  expect(await etc('resolv.conf')).toBe(`search ${cluster} lan home\nnameserver 169.254.20.10\noptions ndots:5\n`);
  // The stub of systemd-resolved stands for what is behind it.
  await writeFile(join(dir, 'resolv.conf'), 'nameserver 127.0.0.53\nsearch stub\n');
  await writeFile(join(dir, 'behind-stub'), 'nameserver 192.0.2.54\nsearch behind\n');
  await prepare(podItem('web', { spec: { dnsPolicy: 'Default' } }));
  expect(await etc('resolv.conf')).toBe('search behind\nnameserver 192.0.2.54\n');
});

test('resolv.conf by policy and configuration of the pod', () => {
  const host = parseResolvConf('nameserver 192.0.2.53\nnameserver 127.0.0.1\nsearch lan\noptions ndots:1 edns0\n');
  const check = (spec: Partial<PodItem['spec']>, expected: readonly string[], node = host) =>
    expect(resolvConf(podItem('web', { spec }), node, 'c.test').trimEnd().split('\n')).toEqual(expected);
  const ours = 'nameserver 169.254.20.10';
  const cluster = 'search default.svc.c.test svc.c.test c.test';
  const dnsConfig = {
    nameservers: ['9.9.9.9', '192.0.2.53'],
    searches: ['x.y', 'lan'],
    options: [{ name: 'ndots', value: '2' }, { name: 'use-vc' }],
  };
  check({}, [`${cluster} lan`, ours, 'options ndots:5']);
  check({ dnsPolicy: 'ClusterFirst', dnsConfig }, [
    `${cluster} lan x.y`,
    ours,
    'nameserver 9.9.9.9',
    'nameserver 192.0.2.53',
    'options ndots:2 use-vc',
  ]);
  check({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, [`${cluster} lan`, ours, 'options ndots:5']);
  const asHost = ['search lan', 'nameserver 192.0.2.53', 'nameserver 127.0.0.1', 'options ndots:1 edns0'];
  check({ dnsPolicy: 'ClusterFirst', hostNetwork: true }, asHost);
  check({ dnsPolicy: 'Default', hostNetwork: true }, asHost);
  // What is on the node's loopback is not there in a pod; if there is nothing else, ours asks it for the pod.
  check({ dnsPolicy: 'Default' }, ['search lan', 'nameserver 192.0.2.53', 'options ndots:1 edns0']);
  check({ dnsPolicy: 'Default' }, [ours], parseResolvConf('nameserver 127.0.0.1\n'));
  check({ dnsPolicy: 'None', dnsConfig }, [
    'search x.y lan',
    'nameserver 9.9.9.9',
    'nameserver 192.0.2.53',
    'options ndots:2 use-vc',
  ]);
  // What libc reads of it has an end.
  const many = Array.from({ length: 40 }, (_, at) => `${'d'.repeat(60)}${at}.${'e'.repeat(40)}`);
  const line =
    resolvConf(podItem('web', { spec: { dnsPolicy: 'None', dnsConfig: { searches: many } } }), host, 'c.test').split('\n')[0] ??
    '';
  expect([line.length <= 2048 + 'search '.length, line.length > 1900]).toEqual([true, true]);
});
