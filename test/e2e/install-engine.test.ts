import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNITS, startStickMachine, type StickMachine } from '../support/stick-machine.ts';

/** What an installation does to the engine that it finds: its live-restore, and its start. */
let machine: StickMachine;

beforeAll(async () => {
  machine = await startStickMachine();
}, 600_000);
afterAll(() => machine?.remove());

test('live-restore is refused, with the reason, where a flag sets it and under Swarm', async () => {
  const args = ['install', 'server', '--no-start', '--offline', '/stick'] as const;
  mkdirSync(machine.inside('/etc/docker'), { recursive: true });
  writeFileSync(machine.inside('/etc/docker/daemon.json'), '{\n    "debug": false\n}\n');
  const settings = machine.textOf('/etc/docker/daemon.json');
  mkdirSync(machine.inside(`${UNITS}/docker.service.d`), { recursive: true });
  writeFileSync(
    machine.inside(`${UNITS}/docker.service.d/flag.conf`),
    '[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// --live-restore=false\n',
  );
  await machine.must('systemctl', 'daemon-reload');
  expect(await machine.run('/stick/skerry', ...args)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('a flag of dockerd sets it'),
  });
  rmSync(machine.inside(`${UNITS}/docker.service.d`), { recursive: true });
  await machine.must('systemctl', 'daemon-reload');
  await machine.must('systemctl', 'restart', 'docker');
  // Its settings were broken after it had started: it says so in its log only.
  writeFileSync(machine.inside('/etc/docker/daemon.json'), '{"no-such-setting": true}\n');
  expect(await machine.run('/stick/skerry', ...args)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('has not taken it over'),
  });
  writeFileSync(machine.inside('/etc/docker/daemon.json'), settings);
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
  expect(machine.textOf('/etc/docker/daemon.json')).toBe(settings);
  expect(await machine.run('systemctl', 'is-enabled', 'skerry-server')).toMatchObject({ stdout: 'enabled\n' });
  expect(await machine.run('systemctl', 'is-active', 'skerry-server')).toMatchObject({ stdout: 'inactive\n' });
  expect(await machine.skerry('uninstall', '--purge', '--yes')).toMatchObject({ code: 0 });
});

test('an engine that was asked for is started; one that can not be is no success, as often as it is tried', async () => {
  const settings = '/etc/docker/daemon.json';
  await machine.must('systemctl', 'stop', 'docker.socket', 'docker');
  mkdirSync(machine.inside('/etc/docker'), { recursive: true });
  writeFileSync(machine.inside(settings), '{"no-such-setting": true}\n');
  const flags = ['--no-agent', '--no-start', '--install-engine', '--offline', '/stick'];
  const install = () => machine.run('/stick/skerry', 'install', 'server', ...flags);
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    const down = await install();
    expect([down.code, down.stderr]).toEqual([
      1,
      expect.stringMatching(/start the Docker engine: .*it said last:.*no-such-setting.*all else is done/s),
    ]);
  }
  rmSync(machine.inside(settings));
  await machine.must('systemctl', 'stop', 'docker.socket', 'docker');
  const up = await install();
  expect([up.code, up.stderr]).toEqual([0, expect.stringContaining('start the Docker engine and wait until it answers')]);
  expect(await machine.must('systemctl', 'is-active', 'docker')).toBe('active\n');
  expect(await install()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
  expect(await machine.skerry('uninstall', '--purge', '--yes')).toMatchObject({ code: 0 });
});
