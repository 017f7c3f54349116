import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import { LAUNCH_SCRIPT } from '../../src/install/launch.ts';
import { layoutIn, type Layout } from '../../src/install/layout.ts';
import { currentVersion, putSlot, setCurrent } from '../../src/install/slots.ts';
import { unitFile, unitText } from '../../src/install/units.ts';
import { readGoneBack, readTrial } from '../../src/install/trial.ts';
import { boot, type BootedRoot } from '../support/booted-root.ts';
import { writeRelease } from '../support/release-world.ts';
import { createRoot, type Root } from '../support/root.ts';
import { buildTwoReleases, type TwoReleases } from '../support/two-releases.ts';

/** An installed server under the real systemd of a Debian 12: readiness, watchdog, upgrades there and back, and power that fails on the way. */
let releases: TwoReleases;
let root: Root;
let machine: BootedRoot;
let layout: Layout;

/** What this test does not wait for, and where it asks. */
const SOONER = `[Service]
ExecStart=
ExecStart=/usr/local/lib/skerry/launch server --no-agent --listen 127.0.0.1:6443
WatchdogSec=6
RestartSec=1
`;

beforeAll(async () => {
  releases = await buildTwoReleases();
  root = await createRoot('booted');
  layout = layoutIn(root.folder);
  mkdirSync(dirname(layout.lib), { recursive: true });
  putSlot(layout, releases.executable('0.1.0'), '0.1.0');
  setCurrent(layout, '0.1.0');
  writeFileSync(layout.launch, LAUNCH_SCRIPT, { mode: 0o755 });
  writeFileSync(unitFile(layout, 'server'), unitText('server', layoutIn('/').launch));
  mkdirSync(`${unitFile(layout, 'server')}.d`);
  writeFileSync(join(`${unitFile(layout, 'server')}.d`, 'sooner.conf'), SOONER);
  machine = await boot(root, { '/release': releases.release });
  await machine.must('systemctl', 'enable', '--now', 'skerry-server');
}, 600_000);

afterAll(async () => {
  await machine?.cut();
  root?.remove();
  releases?.remove();
});

const show = async (property: string) =>
  (await machine.must('systemctl', 'show', '--property', property, '--value', 'skerry-server')).trim();
const journal = () => machine.must('journalctl', '-u', 'skerry-server', '-o', 'cat', '--no-pager');
const slot = (version: string) => machine.run('test', '-x', `/usr/local/lib/skerry/slots/${version}/skerry`);
const skerry = (...argv: readonly string[]) => machine.run('/usr/local/lib/skerry/current/skerry', ...argv);
const runs = async () => (await machine.must('readlink', `/proc/${await show('MainPID')}/exe`)).trim();

test('it is up when it says so, and its watchdog hears of it', async () => {
  expect(await show('ActiveState')).toBe('active');
  expect((await machine.must('curl', '-sk', 'https://127.0.0.1:6443/readyz')).trim()).toBe('ok');
  const first = Number(await show('WatchdogTimestampMonotonic'));
  await waitFor('the watchdog to hear of it', async () => Number(await show('WatchdogTimestampMonotonic')) > first || undefined);
  expect(await show('NRestarts')).toBe('0');
  expect(await machine.must('systemctl', 'status', 'skerry-server')).toMatch(/Main PID: \d+ \(skerry\)/);
});

test('one that hangs is ended by the watchdog and started again', async () => {
  const pid = await show('MainPID');
  await machine.must('sh', '-c', `kill -STOP ${pid}`);
  await waitFor(
    'another process',
    async () => ((await show('MainPID')) !== pid && (await show('ActiveState')) === 'active') || undefined,
    60_000,
  );
  expect(await journal()).toMatch(/[Ww]atchdog timeout/);
});

test('settings that the new release does not take are told before anything is changed', async () => {
  mkdirSync(dirname(layout.config), { recursive: true });
  writeFileSync(layout.config, 'log-levle: debug\n', { mode: 0o600 });
  const { code, stderr } = await skerry('upgrade', '--from', '/release');
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/config\.yaml with 0\.2\.0.*nothing was changed.*log-levle.*log-level/s),
  ]);
  expect([currentVersion(layout), readTrial(layout, 'server')]).toEqual(['0.1.0', undefined]);
  writeFileSync(layout.config, 'log-level: debug\n', { mode: 0o600 });
});

/** Gives a folder of the machine a small disk of its own, with what is in it, as long as `work` goes on. */
async function onSmallDisk(folder: string, megabytes: number, work: () => Promise<void>): Promise<void> {
  const script = 'mkdir -p "$0" && mount -t tmpfs -o size="$1"M none /mnt && cp -a "$0/." /mnt && mount --bind /mnt "$0"';
  await machine.must('sh', '-c', script, folder, String(megabytes));
  try {
    await work();
  } finally {
    await machine.must('umount', folder, '/mnt');
  }
}

test.each([
  {
    folder: '/usr/local/lib/skerry',
    megabytes: 300,
    says: /make room for a release in .*: \d+ MB are free and 300 MB are needed/,
  },
  {
    folder: '/usr/local/lib/skerry/slots/.download',
    megabytes: 20,
    says: /no space left on device.*\(the disk is full: make room/s,
  },
])('a full disk is told, and changes nothing: $folder of $megabytes MB', async ({ folder, megabytes, says }) => {
  const pid = await show('MainPID');
  await onSmallDisk(folder, megabytes, async () => {
    const { code, stderr } = await skerry('upgrade', '--from', '/release');
    expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    const installed = await machine.must(
      'sh',
      '-c',
      'cd /usr/local/lib/skerry && readlink current && ls -d trial.* 2>&1 || true',
    );
    expect([installed.split('\n')[0], installed.includes('trial.server'), await show('MainPID')]).toEqual([
      'slots/0.1.0',
      false,
      pid,
    ]);
  });
});

test('upgrade restarts it, waits until it is healthy, and says so', async () => {
  const { code, stdout, stderr } = await skerry('upgrade', '--from', '/release');
  expect([code, stdout, stderr]).toEqual([
    0,
    'upgraded from 0.1.0 to 0.2.0: it is healthy and stays\n',
    expect.stringContaining('restarting skerry-server; containers go on running'),
  ]);
  expect(await runs()).toBe('/usr/local/lib/skerry/slots/0.2.0/skerry');
  expect((await slot('0.1.0')).code).toBe(0);
});

/** A release whose server does this, and which is in order otherwise. */
function makeRelease(version: string, server: string): void {
  const script = `#!/bin/sh\ncase $1 in\nversion) echo '{"release":"${version}"}' ;;\nserver) ${server} ;;\nesac\n`;
  writeRelease(releases.release, { [version]: script }, releases.key);
}

test('one that ends again and again is taken back; the command says why, with its last words', async () => {
  makeRelease('0.3.0', "echo 'these are its last words'; exit 3");
  const { code, stderr } = await skerry('upgrade', '--from', '/release');
  // And nothing of what the release before said while it was stopped.
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /upgrade to 0\.3\.0: 0\.2\.0 is back: it was started 3 times and did not become healthy\nIts last words:\n(?:these are its last words\n){3}$/,
    ),
  ]);
  await waitFor(
    'the server',
    async () => (await machine.run('curl', '-skf', 'https://127.0.0.1:6443/readyz')).code === 0 || undefined,
  );
  expect(await runs()).toBe('/usr/local/lib/skerry/slots/0.2.0/skerry');
});

test('one that hangs before it is ready is ended at the deadline and taken back', async () => {
  makeRelease('0.4.0', 'while :; do sleep 1; done');
  const upgrading = skerry('upgrade', '--from', '/release');
  await waitFor('its first start', () => readTrial(layout, 'server')?.starts === 1 || undefined, 60_000);
  // The time of a trial is nothing to wait for.
  const trial = join(layout.lib, 'trial.server');
  writeFileSync(
    trial,
    readFileSync(trial, 'utf8')
      .replace(/limit=\d+/, 'limit=2')
      .replace(/until=\d+/, 'until=1'),
  );
  await machine.must('sh', '-c', `kill -KILL ${await show('MainPID')}`);
  const { code, stderr } = await upgrading;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/0\.2\.0 is back: it did not become healthy within 2 s/)]);
});

test('the power fails after the switch, and while the new one runs: it is tried at the next boot, and goes back if it has to', async () => {
  // It lives, and never proves itself.
  makeRelease('0.5.0', 'systemd-notify --ready; while sleep 1; do systemd-notify WATCHDOG=1; done');
  void skerry('upgrade', '--from', '/release').catch(() => undefined);
  for (let start = 1; start <= 3; start += 1) {
    await waitFor(`start ${start}`, () => readTrial(layout, 'server')?.starts === start || undefined, 60_000);
    expect(currentVersion(layout)).toBe('0.5.0');
    await machine.cut();
    machine = await boot(root, { '/release': releases.release });
  }
  await waitFor(
    '0.2.0 to be back',
    async () => (await machine.run('curl', '-skf', 'https://127.0.0.1:6443/readyz')).code === 0 || undefined,
    60_000,
  );
  expect(await runs()).toBe('/usr/local/lib/skerry/slots/0.2.0/skerry');
  expect(readGoneBack(layout)).toMatchObject({ to: '0.5.0', back: '0.2.0' });
});
