import {
  cpSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../scripts/lab/images.ts';
import { run, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { MODES, layoutIn } from '../../src/install/layout.ts';
import { unitText } from '../../src/install/units.ts';
import { boot, type BootedRoot } from '../support/booted-root.ts';
import { kubectl } from '../support/kubectl.ts';
import { writeInstallable } from '../support/release-folder.ts';
import { newTestKey } from '../support/release-world.ts';
import { createRoot, debsFor, emptyRoot, packagesIndex, type Root, type RootName } from '../support/root.ts';

/**
 * The executable installs itself: in Debians that do not run systemd, and on one that is booted, with an engine, where it is a server, then an
 * agent, and then gone. All from a stick, since these machines have no network. The script that starts it is install-script.test.ts.
 */
const TOOLS = ['iproute2', 'nftables'];
const UNITS = '/etc/systemd/system';
const CONFIG = '/etc/skerry/config.yaml';
const cleanups: (() => unknown)[] = [];
let release: string;
let machine: BootedRoot;
let disk: Root;

beforeAll(async () => {
  const version = (await run(PROGRAM, ['--version'])).trim().replace('skerry ', '');
  release = mkdtempSync(join(tmpdir(), 'skerry-release-'));
  writeInstallable(release, readFileSync(PROGRAM), { version, baseUrl: 'http://releases.example', key: newTestKey() });
  cpSync(PROGRAM, join(release, 'skerry'));
  cpSync(kubectl('1.36'), join(release, 'kubectl'));
  const work = mkdtempSync(join(tmpdir(), 'skerry-image-'));
  const image = await buildImage(work, { reference: 'demo/sleep:1', command: ['sleep', '10000'] });
  cpSync(image, join(release, 'image.tar'));
  cpSync(await debsFor('booted', TOOLS), release, { recursive: true });
  disk = await createRoot('booted');
  cleanups.push(
    () => rmSync(release, { recursive: true }),
    () => rmSync(work, { recursive: true }),
    disk.remove,
  );
  machine = await boot(disk, { '/stick': release });
}, 600_000);
afterAll(async () => {
  await machine?.cut();
  for (const cleanup of cleanups) await cleanup();
});

const inside = (path: string) => join(disk.folder, path);
const textOf = (path: string) => readFileSync(inside(path), 'utf8');
const mainPid = async (mode: string) =>
  Number(await machine.must('systemctl', 'show', '-p', 'MainPID', '--value', `skerry-${mode}`));
const enginePid = () => machine.must('cat', '/run/docker.pid');
const skerry = (...args: readonly string[]) => machine.run('skerry', ...args);
const kube = (dataDir: string, ...args: readonly string[]) =>
  machine.must('/stick/kubectl', '--kubeconfig', `${dataDir}/admin.kubeconfig`, ...args);
const installScript = (...args: readonly string[]) => machine.run('sh', '/stick/install.sh', ...args, '--offline', '/stick');

async function isReady(): Promise<true> {
  await machine.must('curl', '-skf', 'https://127.0.0.1:6443/readyz');
  return true;
}

/** A release, and the packages that such a system lacks; and more, as a stick for several machines has. */
async function stickFor(name: RootName): Promise<string> {
  const stick = mkdtempSync(join(tmpdir(), 'skerry-stick-'));
  cleanups.push(() => rmSync(stick, { recursive: true }));
  for (const file of readdirSync(release).filter((other) => /^(?:install\.sh|SHA256SUMS.*|.*\.gz)$/.test(other)))
    cpSync(join(release, file), join(stick, file));
  cpSync(await debsFor(name, [...TOOLS, 'docker.io', 'apparmor']), stick, { recursive: true });
  return stick;
}

test.each(['bullseye', 'bookworm', 'trixie'] as const)(
  '%s without systemd: installed with its packages, and told how to start',
  async (name) => {
    const root = await createRoot(name);
    try {
      const bind = { '/stick': await stickFor(name) };
      const install = ['sh', '/stick/install.sh', 'server', '--offline', '/stick', '--data-dir', '/srv/data'];
      const first = await root.run(install, { bind });
      expect([first.code, first.stderr]).toEqual([
        0,
        expect.stringMatching(/checked by its sum.*\ninstall iproute2, nftables\n(?: {2}.*\n)+put version/),
      ]);
      const uninstall = ['skerry', 'uninstall', '--purge', '--yes'];
      const command = /start it with {2}(.*)/.exec(first.stdout)?.[1] ?? '';
      expect(command).toBe('/usr/local/lib/skerry/launch server --log-file /var/log/skerry-server.log');
      expect(first.stdout).toContain('this machine has no Docker engine');
      expect(existsSync(join(root.folder, 'usr/sbin/dockerd'))).toBe(false);
      expect(await root.run(install, { bind })).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });

      // It runs, where it was told to, and as it was told.
      const running = root.start(command.split(' '), { bind });
      try {
        const file = join(root.folder, 'var/log/skerry-server.log');
        await waitFor(
          'the server and its node',
          () => existsSync(file) && readFileSync(file, 'utf8').includes('agent is running'),
        );
        expect(existsSync(join(root.folder, 'srv/data/admin.kubeconfig'))).toBe(true);
        expect(await root.run(uninstall, { bind })).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('hold the server in /srv/data: it is running; stop it first'),
        });
        expect(existsSync(join(root.folder, 'srv/data/server/state.db'))).toBe(true);
      } finally {
        await running.cut();
      }
      expect(await root.run(uninstall, { bind })).toMatchObject({
        code: 0,
        stderr: expect.not.stringContaining('skerry:'),
      });
      expect(readdirSync(join(root.folder, 'usr/local/lib'))).not.toContain('skerry');
      expect(readdirSync(join(root.folder, 'var/log')).filter((log) => log.startsWith('skerry'))).toEqual([]);
      expect([existsSync(join(root.folder, 'srv/data')), existsSync(join(root.folder, 'etc/skerry'))]).toEqual([false, false]);
    } finally {
      root.remove();
    }
  },
);

test('a disk that fills up leaves nothing in the way', async () => {
  const root = await createRoot('bookworm');
  try {
    const [install, list] = ['/stick/skerry install server --no-agent', 'find /usr/local/lib/skerry /etc/skerry -type f'];
    const script = `${install}; code=$?; mount -o remount,size=300m /usr/local; ${list}; ${install} >/dev/null && ${list}; exit $code`;
    const { code, stdout, stderr } = await root.run(['sh', '-c', script], {
      bind: { '/stick': release },
      localBytes: 80 * 1024 ** 2,
    });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/put version .*no space left on device.*\n\(the disk is full: make room/s),
    ]);
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      CONFIG,
      '/usr/local/lib/skerry/launch',
      expect.stringMatching(/^\/usr\/local\/lib\/skerry\/slots\/[^/]+\/skerry$/),
    ]);
  } finally {
    root.remove();
  }
});

test('a token that is none is told, and the script takes away again what it fetched', async () => {
  const root = await createRoot('bookworm');
  try {
    mkdirSync(join(root.folder, 'token.d'));
    // The script takes it for one.
    writeFileSync(join(root.folder, 'token'), 'skr1.not.a.token\n', { mode: 0o600 });
    for (const [file, why] of [
      ['/token.d', 'read the token file /token.d'],
      ['/nowhere', 'read the token file /nowhere: it is not there; write a token to it (made with `skerry token create`'],
      ['/token', 'it does not look like skr1.<hash>.<id>.<secret>'],
    ] as const) {
      const flags = ['--server', 'https://10.0.0.1:6443', '--token-file', file, '--offline', '/stick'];
      const { code, stdout, stderr } = await root.run(['sh', '/stick/install.sh', 'agent', ...flags], {
        bind: { '/stick': release },
      });
      expect([file, code, stdout, stderr]).toEqual([file, 2, '', expect.stringContaining(why)]);
    }
    const folders = ['usr/local/lib/skerry', 'etc/skerry', 'var/lib/skerry'];
    expect(folders.filter((folder) => existsSync(join(root.folder, folder)))).toEqual([]);
  } finally {
    root.remove();
  }
});

test('from the distribution: what is missing, and the engine where it is asked for', async () => {
  const root = await createRoot('bookworm');
  try {
    const debs = await debsFor('bookworm', [...TOOLS, 'docker.io', 'apparmor']);
    await run('rm', ['-rf', join(root.folder, 'etc/apt/sources.list'), join(root.folder, 'var/lib/apt/lists')]);
    writeFileSync(join(root.folder, 'etc/apt/sources.list'), 'deb [trusted=yes] file:/distribution ./\n');
    mkdirSync(join(root.folder, 'distribution'));
    await run('sh', ['-c', 'cp "$1"/*.deb "$2"', 'sh', debs, join(root.folder, 'distribution')]);
    writeFileSync(join(root.folder, 'distribution/Packages'), await packagesIndex(debs));
    const install = (...more: readonly string[]) =>
      root.run(['/stick/skerry', 'install', 'agent', '--server', 'https://10.0.0.1:6443', '--token', TOKEN, ...more], {
        bind: { '/stick': release },
      });
    const without = await install();
    expect([without.code, without.stdout]).toEqual([0, expect.stringContaining('this machine has no Docker engine')]);
    expect(without.stderr).toContain('install iproute2, nftables\n');
    expect(existsSync(join(root.folder, 'usr/sbin/dockerd'))).toBe(false);
    // As a power cut leaves it: there, but set up by nobody, and dpkg wants to be asked first.
    const half = 'dpkg --force-depends --unpack /distribution/*.deb; : >/var/lib/dpkg/updates/0000';
    await root.run(['sh', '-c', half]);
    expect(existsSync(join(root.folder, 'usr/sbin/dockerd'))).toBe(true);
    const { code, stdout, stderr } = await install('--install-engine');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/docker.io\n[^]*switch on live-restore in .*daemon.json/)]);
    expect(stdout).not.toContain('no Docker engine');
    for (const file of ['usr/sbin/dockerd', 'usr/sbin/nft', 'etc/docker/daemon.json'])
      expect([file, existsSync(join(root.folder, file))]).toEqual([file, true]);
    const status = await root.run(['dpkg-query', '-W', '-f', '${db:Status-Status}', 'docker.io']);
    expect(status.stdout).toBe('installed');
    expect(await install('--install-engine')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
  } finally {
    root.remove();
  }
});

test('one line from the stick makes a server of a booted machine, and restarts no engine', async () => {
  const before = await enginePid();
  const { code, stderr } = await installScript('server', '--labels', 'site=harbour');
  expect([code, stderr]).toEqual([0, expect.stringContaining('sum and signature are good')]);
  expect(stderr).toContain('start skerry-server.service and wait until it is ready');
  await isReady();
  expect(await machine.must('docker', 'info', '-f', '{{.LiveRestoreEnabled}}')).toBe('true\n');
  expect(await enginePid()).toBe(before);
  expect(textOf(CONFIG)).toContain('labels: site=harbour\n');
  expect(statSync(inside(CONFIG)).mode & 0o777).toBe(0o600);
  await waitFor(
    'the node',
    async () => (await kube('/var/lib/skerry', 'get', 'nodes', '-l', 'site=harbour', '-o', 'name')) !== '',
  );
});

test('the unit is what it has to be', async () => {
  const shown = await machine.must(
    'systemctl',
    'show',
    'skerry-server',
    ...[
      'Type',
      'NotifyAccess',
      'WatchdogUSec',
      'Restart',
      'StartLimitIntervalUSec',
      'OOMScoreAdjust',
      'KillMode',
      'Requires',
      'Wants',
      'After',
    ].map((name) => `-p${name}`),
  );
  for (const mode of MODES) {
    writeFileSync(inside(`/root/skerry-${mode}.service`), unitText(mode, layoutIn('/').launch));
    expect(await machine.run('systemd-analyze', 'verify', `/root/skerry-${mode}.service`)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  }
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(shown)?.[1] ?? '';
  expect(
    ['Type', 'NotifyAccess', 'WatchdogUSec', 'Restart', 'StartLimitIntervalUSec', 'OOMScoreAdjust', 'KillMode'].map(value),
  ).toEqual(['notify', 'all', '2min', 'always', '0', '-999', 'mixed']);
  expect(value('Wants')).toContain('docker.service');
  expect(value('After')).toContain('docker.service');
  expect(value('Requires')).not.toContain('docker');
  expect(value('After') + value('Wants')).not.toMatch(/network-online|time-sync/);
  // What the agent mounts is seen by the engine.
  const own = await machine.must('readlink', `/proc/${await mainPid('server')}/ns/mnt`);
  expect(own).toBe(await machine.must('readlink', '/proc/1/ns/mnt'));
});

test('a second time it does nothing, other flags change what they say, and unknown keys are refused', async () => {
  const before = await mainPid('server');
  const again = await installScript('server', '--labels', 'site=harbour');
  expect([again.code, again.stdout, again.stderr]).toEqual([
    0,
    expect.stringContaining('nothing to do: all of it is installed'),
    expect.stringContaining('nothing to download'),
  ]);
  expect(await mainPid('server')).toBe(before);

  writeFileSync(inside(CONFIG), `# by the crane\n${textOf(CONFIG)}`, { mode: 0o600 });
  expect((await skerry('install', 'server', '--labels', 'site=quay')).code).toBe(0);
  expect(textOf(CONFIG)).toMatch(/^# by the crane\n[^]*labels: site=quay\n/);
  const changed = await mainPid('server');
  expect(changed).not.toBe(before);

  const byVariable = (variable: string, ...flags: readonly string[]) =>
    machine.run('env', variable, 'skerry', 'install', 'server', ...flags);
  expect(await byVariable('SKERRY_LISTN=:1')).toMatchObject({ code: 2, stderr: expect.stringContaining('mean SKERRY_LISTEN?') });
  expect(await byVariable('SKERRY_LABELS=site=mole', '--labels', 'site=quay')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  });
  expect(await mainPid('server')).toBe(changed);

  writeFileSync(inside(CONFIG), `${textOf(CONFIG)}node-nmae: x\n`, { mode: 0o600 });
  const refused = await skerry('install', 'server', '--labels', 'site=pier');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('did you mean "node-name"?')]);
  writeFileSync(inside(CONFIG), textOf(CONFIG).replace('node-nmae: x\n', ''), { mode: 0o600 });
  expect(await mainPid('server')).toBe(changed);
});

test('one that hangs is started again by the watchdog, one that is killed too', async () => {
  mkdirSync(inside(`${UNITS}/skerry-server.service.d`), { recursive: true });
  writeFileSync(inside(`${UNITS}/skerry-server.service.d/test.conf`), '[Service]\nWatchdogSec=3\nRestartSec=100ms\n');
  await machine.must('systemctl', 'daemon-reload');
  await machine.must('systemctl', 'restart', 'skerry-server');
  for (const signal of ['STOP', 'KILL']) {
    const before = await mainPid('server');
    await machine.must('sh', '-c', 'kill -"$1" "$2"', 'sh', signal, String(before));
    await waitFor('another process', async () => ![0, before].includes(await mainPid('server')), 60_000);
    await waitFor('the server to answer', isReady);
  }
  rmSync(inside(`${UNITS}/skerry-server.service.d`), { recursive: true });
  await machine.must('systemctl', 'daemon-reload');
});

test('after a power cut it is there again by itself', async () => {
  await machine.cut();
  machine = await boot(disk, { '/stick': release });
  await waitFor('the server to answer', isReady, 60_000);
});

test('data that only the unit knows of is not left behind: it is asked for', async () => {
  const dropIn = inside(`${UNITS}/skerry-server.service.d`);
  const restart = () => machine.must('sh', '-c', 'systemctl daemon-reload && systemctl restart skerry-server');
  mkdirSync(dropIn, { recursive: true });
  writeFileSync(join(dropIn, 'data.conf'), '[Service]\nEnvironment=SKERRY_DATA_DIR=/srv/else\n');
  await restart();
  await waitFor(
    'it to say what it has',
    async () => (await machine.run('grep', '-q', 'data=', '/run/skerry/server.health')).code === 0,
  );
  expect(await skerry('uninstall')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('skerry-server.service keeps its data in /srv/else, and not in /var/lib/skerry'),
  });
  rmSync(dropIn, { recursive: true });
  await restart();
});

test('uninstalled, the data stays; with --purge it goes; the engine has its settings back', async () => {
  const { code, stdout } = await skerry('uninstall');
  expect([code, stdout]).toEqual([0, expect.stringContaining('its data is kept in /var/lib/skerry')]);
  // Its own node has gone with its server.
  expect(stdout).not.toContain('remains');
  expect([existsSync(inside('/usr/local/lib/skerry')), existsSync(inside(`${UNITS}/skerry-server.service`))]).toEqual([
    false,
    false,
  ]);
  expect(existsSync(inside('/var/lib/skerry/server/state.db'))).toBe(true);
  expect(existsSync(inside('/etc/docker/daemon.json'))).toBe(false);

  // And back, as it was: in another form, which somebody else's settings keep.
  mkdirSync(inside('/data'));
  writeFileSync(inside('/data/daemon.json'), '{\n    "debug": false\n}\n');
  symlinkSync('/data/daemon.json', inside('/etc/docker/daemon.json'));
  expect(
    await machine.run('/stick/skerry', 'install', 'agent', '--server', 'https://10.0.0.1:6443', '--token', TOKEN),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('this machine is the server of a cluster (its data is in /var/lib/skerry/server)'),
  });
  expect(existsSync(inside('/usr/local/lib/skerry/current'))).toBe(false);
  const back = await machine.run('/stick/skerry', 'install', 'server');
  expect([back.code, back.stderr]).toEqual([0, expect.not.stringContaining(CONFIG)]);
  await isReady();
  expect(textOf('/data/daemon.json')).toBe('{\n    "debug": false,\n    "live-restore": true\n}\n');
  const purged = await skerry('uninstall', '--purge', '--yes');
  expect([purged.code, purged.stdout]).toEqual([0, expect.stringContaining('skerry is uninstalled')]);
  expect([existsSync(inside('/var/lib/skerry')), existsSync(inside('/etc/skerry'))]).toEqual([false, false]);
  expect(textOf('/data/daemon.json')).toBe('{\n    "debug": false\n}\n');
  expect(readlinkSync(inside('/etc/docker/daemon.json'))).toBe('/data/daemon.json');
  rmSync(inside('/etc/docker/daemon.json'));
  renameSync(inside('/data/daemon.json'), inside('/etc/docker/daemon.json'));
  expect(await machine.run('/stick/skerry', 'uninstall')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  });
});

const OTHER = '/srv/other';

test('an agent joins with a token that is nowhere to be found afterwards, and runs a pod', async () => {
  await machine.must('docker', 'load', '-i', '/stick/image.tar');
  await machine.must('docker', 'run', '-d', '--name', 'strangers', 'demo/sleep:1');
  const serve = ['/stick/skerry', 'server', '--no-agent', '--data-dir', OTHER, '--listen', '127.0.0.1:7443'];
  await machine.must('systemd-run', '--unit=other-server', ...serve);
  const token = await waitFor('a token', () => machine.must('/stick/skerry', 'token', 'create', '--data-dir', OTHER));
  writeFileSync(inside('/root/token'), token);
  const incomplete = await installScript('agent', '--server', 'https://127.0.0.1:7443');
  expect([incomplete.code, incomplete.stderr]).toEqual([2, expect.stringContaining('it needs --token-file FILE')]);

  // One that is not known there, of the right cluster: said in one sentence, with what to do.
  const [head = '', hash = ''] = token.trim().split('.');
  writeFileSync(inside('/root/wrong'), `${head}.${hash}.bcdfghjk.${'x'.repeat(32)}`, { mode: 0o600 });
  const unknown = await installScript('agent', '--server', 'https://127.0.0.1:7443', '--token-file', '/root/wrong');
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringMatching(
      /skerry: start skerry-agent\.service: it failed; it said last:\n {2}skerry: [^\n{]*not known here[^\n]*run the same line again with it\n$/,
    ),
  ]);
  const { code, stdout, stderr } = await machine.run(
    'env',
    'SKERRY_TOKEN_FILE=/root/token',
    'SKERRY_NODE_NAME=board',
    'sh',
    '/stick/install.sh',
    'agent',
    '--server',
    'https://127.0.0.1:7443',
    '--offline',
    '/stick',
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('write /var/lib/skerry/join-token')]);
  expect(stdout).toContain('\nthis machine is node board of the cluster at https://127.0.0.1:7443\n');
  await waitFor(
    'the node to be ready',
    async () =>
      (await kube(OTHER, 'get', 'node', 'board', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')) === 'True',
  );
  expect(existsSync(inside('/var/lib/skerry/join-token'))).toBe(false);
  const secret = token.trim().split('.').at(-1) ?? '';
  const shown = await machine.must('systemctl', 'show', 'skerry-agent');
  const argv = await machine.must('cat', `/proc/${await mainPid('agent')}/cmdline`, `/proc/${await mainPid('agent')}/environ`);
  for (const text of [textOf(CONFIG), shown, argv, textOf(`${UNITS}/skerry-agent.service`)]) expect(text).not.toContain(secret);
  expect(shown).toMatch(/^MemoryHigh=67108864$/m);
  expect(argv).toMatch(/agent\0--node-options=--max-semi-space-size=2\0[^]*\0MALLOC_ARENA_MAX=1\0/);

  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sleep' },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'demo/sleep:1' }] },
  };
  writeFileSync(inside('/root/pod.json'), JSON.stringify(pod));
  await kube(OTHER, 'create', '-f', '/root/pod.json');
  await kube(OTHER, 'wait', 'pod/sleep', '--for=condition=Ready', '--timeout=60s');
});

const ours = () => machine.must('docker', 'ps', '-q', '--no-trunc', '--filter', 'label=io.skerry.node');

test('the same token again changes nothing; a restart of the agent leaves its containers as they are', async () => {
  const before = await ours();
  expect(before.split('\n')).toHaveLength(3);
  const again = await installScript('agent', '--token-file', '/root/token');
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('nothing to do')]);
  await machine.must('systemctl', 'restart', 'skerry-agent');
  expect(await ours()).toBe(before);
});

test('an engine that systemd has given up is started again by the agent as soon as it can be', async () => {
  const isDocker = async (state: string) => (await machine.run('systemctl', 'is-active', 'docker')).stdout === `${state}\n`;
  const [before, settings] = [await ours(), textOf('/etc/docker/daemon.json')];
  writeFileSync(inside('/etc/docker/daemon.json'), '{"no-such-setting": true}\n');
  await machine.must('sh', '-c', 'kill -KILL "$(cat /run/docker.pid)"');
  await waitFor('systemd to give it up', () => isDocker('failed'), 60_000);
  writeFileSync(inside('/etc/docker/daemon.json'), settings);
  await waitFor('the engine', () => isDocker('active'), 240_000);
  expect(await ours()).toBe(before);
}, 360_000);

test('a node becomes no server by the way: nothing is changed, and it is told how to leave its cluster', async () => {
  const before = [await mainPid('agent'), textOf(CONFIG), await ours()];
  // Also where the server is to have its data elsewhere.
  for (const flags of [[], ['--data-dir', '/srv/new']]) {
    const { code, stdout, stderr } = await skerry('install', 'server', '--no-agent', ...flags);
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      expect.stringMatching(/this machine is node board of the cluster at https:\/\/127\.0\.0\.1:7443 .*skerry reset`/),
    ]);
  }
  expect([await mainPid('agent'), textOf(CONFIG), await ours()]).toEqual(before);
  expect(readdirSync(inside(UNITS)).filter((name) => name.startsWith('skerry'))).toEqual(['skerry-agent.service']);
});

test('uninstalled, a node leaves nothing of its own, and all of what is not', async () => {
  // All of it is there before.
  expect(await machine.must('ip', '-o', 'link')).toMatch(/: skr/);
  expect(await machine.must('ip', '-4', 'route')).toMatch(/dev skr/);
  expect(await machine.must('nft', 'list', 'tables')).toContain('skerry');
  const { code, stdout } = await skerry('uninstall', '--purge', '--yes');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/removed 2 containers of 1 pod\n/)]);
  expect(await machine.must('docker', 'ps', '-a', '--format', '{{.Names}} {{.State}}')).toBe('strangers running\n');
  const links = await machine.must('ip', '-o', 'link');
  expect(links).not.toMatch(/: skr/);
  expect(await machine.must('nft', 'list', 'ruleset')).not.toContain('skerry');
  expect(await machine.must('ip', '-4', 'route')).not.toMatch(/dev skr/);
  await machine.must('systemctl', 'stop', 'other-server');
});

test('live-restore is refused, with the reason, where a flag sets it and under Swarm', async () => {
  writeFileSync(inside('/root/token'), 'skr1.a.b');
  const args = ['install', 'server', '--no-start'] as const;
  const settings = textOf('/etc/docker/daemon.json');
  mkdirSync(inside(`${UNITS}/docker.service.d`), { recursive: true });
  writeFileSync(
    inside(`${UNITS}/docker.service.d/flag.conf`),
    '[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// --live-restore=false\n',
  );
  await machine.must('systemctl', 'daemon-reload');
  expect(await machine.run('/stick/skerry', ...args)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('a flag of dockerd sets it'),
  });
  rmSync(inside(`${UNITS}/docker.service.d`), { recursive: true });
  await machine.must('systemctl', 'daemon-reload');
  await machine.must('systemctl', 'restart', 'docker');
  // Its settings were broken after it had started: it says so in its log only.
  writeFileSync(inside('/etc/docker/daemon.json'), '{"no-such-setting": true}\n');
  expect(await machine.run('/stick/skerry', ...args)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('has not taken it over'),
  });
  writeFileSync(inside('/etc/docker/daemon.json'), settings);
  await machine.must('docker', 'swarm', 'init', '--advertise-addr', '127.0.0.1');
  // By its files, which it may keep anywhere, or by what it says.
  const state = '/var/lib/docker/swarm/docker-state.json';
  for (const hide of ['systemctl stop docker.socket docker', `systemctl start docker && mv ${state} /root`]) {
    await machine.must('sh', '-c', hide);
    expect(await machine.run('/stick/skerry', ...args)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('part of a swarm'),
    });
  }
  expect(textOf('/etc/docker/daemon.json')).toBe(settings);
  expect(await machine.run('systemctl', 'is-enabled', 'skerry-server')).toMatchObject({ stdout: 'enabled\n' });
  expect(await machine.run('systemctl', 'is-active', 'skerry-server')).toMatchObject({ stdout: 'inactive\n' });
  expect(await skerry('uninstall', '--purge', '--yes')).toMatchObject({ code: 0 });
});

test('an engine that was asked for is started; one that can not be is no success, as often as it is tried', async () => {
  const settings = '/etc/docker/daemon.json';
  await machine.must('systemctl', 'stop', 'docker.socket', 'docker');
  mkdirSync(inside('/etc/docker'), { recursive: true });
  writeFileSync(inside(settings), '{"no-such-setting": true}\n');
  const flags = ['--no-agent', '--no-start', '--install-engine', '--offline', '/stick'];
  const install = () => machine.run('/stick/skerry', 'install', 'server', ...flags);
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    const down = await install();
    expect([down.code, down.stderr]).toEqual([
      1,
      expect.stringMatching(/start the Docker engine: .*it said last:.*no-such-setting.*all else is done/s),
    ]);
  }
  rmSync(inside(settings));
  await machine.must('systemctl', 'stop', 'docker.socket', 'docker');
  const up = await install();
  expect([up.code, up.stderr]).toEqual([0, expect.stringContaining('start the Docker engine and wait until it answers')]);
  expect(await machine.must('systemctl', 'is-active', 'docker')).toBe('active\n');
  expect(await install()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
  expect(await skerry('uninstall', '--purge', '--yes')).toMatchObject({ code: 0 });
});

test('a card is prepared, and makes its own key at its first boot', async () => {
  const card = await createRoot('booted');
  cleanups.push(card.remove);
  writeFileSync(join(card.folder, 'token'), TOKEN);
  const prepare = (root: string, ...more: readonly string[]) =>
    tryRun(PROGRAM, [
      'install',
      'agent',
      '--image',
      root,
      '--server',
      'https://127.0.0.1:7443',
      '--token-file',
      join(card.folder, 'token'),
      ...more,
    ]);
  const { code, stdout, stderr } = await prepare(card.folder);
  expect([code, stdout]).toEqual([0, expect.stringContaining('makes its own key')]);
  expect(stderr).toContain('others on this machine may read the token');
  expect(await prepare(card.folder)).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
  const agent = join(card.folder, 'var/lib/skerry/agent');
  expect(existsSync(agent)).toBe(false);
  expect(readFileSync(join(card.folder, CONFIG), 'utf8')).toContain('token-file: /var/lib/skerry/join-token\n');

  const first = await boot(card, {});
  try {
    await waitFor('a key', () => existsSync(join(agent, 'node.key')), 60_000);
    expect(await first.must('systemctl', 'is-active', 'skerry-agent')).toBe('active\n');
  } finally {
    await first.cut();
  }
  expect(await prepare(card.folder, '--node-name', 'x')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/holds a node's identity already/),
  });
  expect(await prepare('/')).toMatchObject({ code: 2, stderr: expect.stringContaining('it is the system that runs') });
  expect(await prepare('/nowhere')).toMatchObject({ code: 2, stderr: expect.stringContaining('no such folder') });
  expect(await prepare(card.folder, '--install-engine')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing is run in a system that is only prepared'),
  });

  // Of the other mode, of another version, of a server that has run: also where the settings say it has its data.
  const used = emptyRoot();
  cleanups.push(used.remove);
  for (const folder of ['bin', 'lib64']) mkdirSync(join(used.folder, folder));
  cpSync(join(card.folder, 'usr/bin/dash'), join(used.folder, 'bin/sh'));
  writeFileSync(join(used.folder, 'lib64/ld-linux-x86-64.so.2'), '');
  expect(await prepare(used.folder, '--data-dir', '/srv/data')).toMatchObject({ code: 0 });
  const server = () => tryRun(PROGRAM, ['install', 'server', '--image', used.folder]);
  expect(await server()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('note: skerry-agent was installed here: skerry-server takes its place\n'),
  });
  mkdirSync(join(used.folder, 'srv/data/server'), { recursive: true });
  expect(await server()).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('holds a cluster already (/srv/data/server)'),
  });
  rmSync(join(used.folder, 'srv/data/server'), { recursive: true });
  rmSync(join(used.folder, 'usr/local/lib/skerry/current'));
  symlinkSync('slots/0.0.9', join(used.folder, 'usr/local/lib/skerry/current'));
  expect(await server()).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/0\.0\.9 is installed here .*; prepare a card that is new/),
  });

  const foreign = emptyRoot();
  cleanups.push(foreign.remove);
  mkdirSync(join(foreign.folder, 'bin'));
  expect(await prepare(foreign.folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('it holds no system') });
  const header = Buffer.from(readFileSync(PROGRAM).subarray(0, 64));
  header.writeUInt16LE(183, 18);
  writeFileSync(join(foreign.folder, 'bin/sh'), header);
  expect(await prepare(foreign.folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('it is a system for arm64') });
  cpSync(PROGRAM, join(foreign.folder, 'bin/sh'));
  expect(await prepare(foreign.folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('it has no glibc') });
});

/** Of no cluster: a card that finds no server keeps on trying. */
const TOKEN = `skr1.${'A'.repeat(43)}.abcdefgh.${'B'.repeat(32)}`;
