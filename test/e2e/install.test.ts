import { existsSync, mkdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import { MODES, layoutIn } from '../../src/install/layout.ts';
import { unitText } from '../../src/install/units.ts';
import { CONFIG, STRANGE_TOKEN, UNITS, startStickMachine, type StickMachine } from '../support/stick-machine.ts';

/**
 * The executable installs itself as a server, on a machine that is booted with systemd and has an engine, from a stick and without a network; and is gone again.
 * As an agent: install-agent.test.ts; where there is no systemd: install-roots.test.ts; the script that starts it: install-script.test.ts.
 */
let machine: StickMachine;

beforeAll(async () => {
  machine = await startStickMachine();
}, 600_000);
afterAll(() => machine?.remove());

const enginePid = () => machine.must('cat', '/run/docker.pid');

test('one line from the stick makes a server of a booted machine, and restarts no engine', async () => {
  const before = await enginePid();
  const { code, stderr } = await machine.installScript('server', '--labels', 'site=harbour');
  expect([code, stderr]).toEqual([0, expect.stringContaining('sum and signature are good')]);
  expect(stderr).toContain('start skerry-server.service and wait until it is ready');
  await machine.isReady();
  expect(await machine.must('docker', 'info', '-f', '{{.LiveRestoreEnabled}}')).toBe('true\n');
  expect(await enginePid()).toBe(before);
  expect(machine.textOf(CONFIG)).toContain('labels: site=harbour\n');
  expect(statSync(machine.inside(CONFIG)).mode & 0o777).toBe(0o600);
  await waitFor(
    'the node',
    async () => (await machine.kube('/var/lib/skerry', 'get', 'nodes', '-l', 'site=harbour', '-o', 'name')) !== '',
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
    writeFileSync(machine.inside(`/root/skerry-${mode}.service`), unitText(mode, layoutIn('/').launch));
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
  const own = await machine.must('readlink', `/proc/${await machine.mainPid('server')}/ns/mnt`);
  expect(own).toBe(await machine.must('readlink', '/proc/1/ns/mnt'));
});

test('a second time it does nothing, other flags change what they say, and unknown keys are refused', async () => {
  const before = await machine.mainPid('server');
  const again = await machine.installScript('server', '--labels', 'site=harbour');
  expect([again.code, again.stdout, again.stderr]).toEqual([
    0,
    expect.stringContaining('nothing to do: all of it is installed'),
    expect.stringContaining('nothing to download'),
  ]);
  expect(await machine.mainPid('server')).toBe(before);

  writeFileSync(machine.inside(CONFIG), `# by the crane\n${machine.textOf(CONFIG)}`, { mode: 0o600 });
  expect((await machine.skerry('install', 'server', '--labels', 'site=quay')).code).toBe(0);
  expect(machine.textOf(CONFIG)).toMatch(/^# by the crane\n[^]*labels: site=quay\n/);
  const changed = await machine.mainPid('server');
  expect(changed).not.toBe(before);

  const byVariable = (variable: string, ...flags: readonly string[]) =>
    machine.run('env', variable, 'skerry', 'install', 'server', ...flags);
  expect(await byVariable('SKERRY_LISTN=:1')).toMatchObject({ code: 2, stderr: expect.stringContaining('mean SKERRY_LISTEN?') });
  expect(await byVariable('SKERRY_LABELS=site=mole', '--labels', 'site=quay')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  });
  expect(await machine.mainPid('server')).toBe(changed);

  writeFileSync(machine.inside(CONFIG), `${machine.textOf(CONFIG)}node-nmae: x\n`, { mode: 0o600 });
  const refused = await machine.skerry('install', 'server', '--labels', 'site=pier');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('did you mean "node-name"?')]);
  writeFileSync(machine.inside(CONFIG), machine.textOf(CONFIG).replace('node-nmae: x\n', ''), { mode: 0o600 });
  expect(await machine.mainPid('server')).toBe(changed);
});

test('one that hangs is started again by the watchdog, one that is killed too', async () => {
  mkdirSync(machine.inside(`${UNITS}/skerry-server.service.d`), { recursive: true });
  writeFileSync(machine.inside(`${UNITS}/skerry-server.service.d/test.conf`), '[Service]\nWatchdogSec=3\nRestartSec=100ms\n');
  await machine.must('systemctl', 'daemon-reload');
  await machine.must('systemctl', 'restart', 'skerry-server');
  for (const signal of ['STOP', 'KILL']) {
    const before = await machine.mainPid('server');
    await machine.must('sh', '-c', 'kill -"$1" "$2"', 'sh', signal, String(before));
    await waitFor('another process', async () => ![0, before].includes(await machine.mainPid('server')), 60_000);
    await waitFor('the server to answer', machine.isReady);
  }
  rmSync(machine.inside(`${UNITS}/skerry-server.service.d`), { recursive: true });
  await machine.must('systemctl', 'daemon-reload');
});

test('after a power cut it is there again by itself', async () => {
  await machine.reboot();
  await waitFor('the server to answer', machine.isReady, 60_000);
});

test('data that only the unit knows of is not left behind: it is asked for', async () => {
  const dropIn = machine.inside(`${UNITS}/skerry-server.service.d`);
  const restart = () => machine.must('sh', '-c', 'systemctl daemon-reload && systemctl restart skerry-server');
  mkdirSync(dropIn, { recursive: true });
  writeFileSync(join(dropIn, 'data.conf'), '[Service]\nEnvironment=SKERRY_DATA_DIR=/srv/else\n');
  await restart();
  await waitFor(
    'it to say what it has',
    async () => (await machine.run('grep', '-q', 'data=', '/run/skerry/server.health')).code === 0,
  );
  expect(await machine.skerry('uninstall')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('skerry-server.service keeps its data in /srv/else, and not in /var/lib/skerry'),
  });
  rmSync(dropIn, { recursive: true });
  await restart();
});

test('uninstalled, the data stays; with --purge it goes; the engine has its settings back', async () => {
  const { code, stdout } = await machine.skerry('uninstall');
  expect([code, stdout]).toEqual([0, expect.stringContaining('its data is kept in /var/lib/skerry')]);
  // Its own node has gone with its server.
  expect(stdout).not.toContain('remains');
  expect([
    existsSync(machine.inside('/usr/local/lib/skerry')),
    existsSync(machine.inside(`${UNITS}/skerry-server.service`)),
  ]).toEqual([false, false]);
  expect(existsSync(machine.inside('/var/lib/skerry/server/state.db'))).toBe(true);
  expect(existsSync(machine.inside('/etc/docker/daemon.json'))).toBe(false);

  // And back, as it was: in another form, which somebody else's settings keep.
  mkdirSync(machine.inside('/data'));
  writeFileSync(machine.inside('/data/daemon.json'), '{\n    "debug": false\n}\n');
  symlinkSync('/data/daemon.json', machine.inside('/etc/docker/daemon.json'));
  expect(
    await machine.run('/stick/skerry', 'install', 'agent', '--server', 'https://10.0.0.1:6443', '--token', STRANGE_TOKEN),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('this machine is the server of a cluster (its data is in /var/lib/skerry/server)'),
  });
  expect(existsSync(machine.inside('/usr/local/lib/skerry/current'))).toBe(false);
  const back = await machine.run('/stick/skerry', 'install', 'server');
  expect([back.code, back.stderr]).toEqual([0, expect.not.stringContaining(CONFIG)]);
  await machine.isReady();
  expect(machine.textOf('/data/daemon.json')).toBe('{\n    "debug": false,\n    "live-restore": true\n}\n');
  const purged = await machine.skerry('uninstall', '--purge', '--yes');
  expect([purged.code, purged.stdout]).toEqual([0, expect.stringContaining('skerry is uninstalled')]);
  expect([existsSync(machine.inside('/var/lib/skerry')), existsSync(machine.inside('/etc/skerry'))]).toEqual([false, false]);
  expect(machine.textOf('/data/daemon.json')).toBe('{\n    "debug": false\n}\n');
  expect(readlinkSync(machine.inside('/etc/docker/daemon.json'))).toBe('/data/daemon.json');
  rmSync(machine.inside('/etc/docker/daemon.json'));
  renameSync(machine.inside('/data/daemon.json'), machine.inside('/etc/docker/daemon.json'));
  expect(await machine.run('/stick/skerry', 'uninstall')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  });
});
