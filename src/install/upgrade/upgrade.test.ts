import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { createDownloads, type Downloads } from '#net/download.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { newTestKey, serveRelease, writeRelease, writeSums, type ReleaseServer } from '../../../test/support/release-world.ts';
import { makeSlotsWorld, type SlotsWorld } from '../../../test/support/slots-world.ts';
import { MODES, trialFile, type Mode } from '../layout.ts';
import { releaseSource } from '../release/release-source.ts';
import { programRunner } from '../run-program.ts';
import { currentVersion, slotVersions } from '../slots.ts';
import { endTrial, readTrial } from '../trial.ts';
import type { Services } from './services.ts';
import { upgrade, type UpgradeOptions } from './upgrade.ts';

const KEY = newTestKey();
const NEXT = newTestKey();
const STRANGER = newTestKey();

let world: SlotsWorld;
let server: ReleaseServer;
let downloads: Downloads;
let release: string;
let said: string[];

/** An executable of a release: it says its version, looks settings over, and runs as a service would. */
const executable = (version: string, settings = 'exit 0') => `#!/bin/sh
case $1 in
version) echo '{"release":"${version}"}' ;;
config) ${settings} ;;
*) echo "${version} $*" ;;
esac
# ${noise(version)}
`;

/** Some 190 kB that do not become much smaller. */
function noise(seed: string): string {
  return Array.from({ length: 3_000 }, (_, at) => createHash('sha256').update(`${seed} ${at}`).digest('hex')).join('');
}

beforeEach(async () => {
  world = makeSlotsWorld(['0.1.0']);
  release = join(world.layout.lib, '../../../../release');
  writeRelease(release, { '0.2.0': executable('0.2.0') }, KEY);
  server = await serveRelease(release);
  downloads = createDownloads({}, systemClock);
  said = [];
});

afterEach(async () => {
  await downloads.close();
  await server.stop();
  world.remove();
});

/** In place of systemd: a restart runs `launch` once, for the whole life of what it starts. */
function services(afterStart: (version: string | undefined) => void): Services {
  return {
    running: async () => ['server'],
    restart: async () => {
      afterStart((await world.launch()).version);
      return { atMs: 0, ended: undefined };
    },
    lastWords: async (mode: Mode) => [
      `the last words of ${mode}`,
      'skerry launch: 0.2.0 is taken back, 0.1.0 is started: why',
      '0.1.0 says hello',
    ],
  };
}

function run(from: string, more: Partial<UpgradeOptions> = {}) {
  const { layout } = world;
  return upgrade(
    {
      layout,
      source: releaseSource(from, layout.download, downloads),
      architecture: 'x64',
      version: undefined,
      allowDowngrade: false,
      dataDir: join(layout.lib, '../data'),
      releaseKeys: [KEY.pem, NEXT.pem],
      run: programRunner({}),
      services: undefined,
      clock: systemClock,
      say: (text) => said.push(text),
      watch: () => undefined,
      progress: () => undefined,
      ...more,
    },
    new AbortController().signal,
  );
}

/** Nothing of the machine was changed: the old release runs, and no trial is on. */
async function checkUntouched(attempt: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect([currentVersion(world.layout), readTrial(world.layout, 'server')]).toEqual(['0.1.0', undefined]);
  expect((await world.launch()).version).toBe('0.1.0');
}

test('from a URL, a folder or a file in it: taken, tried, switched to, restarted, and it stays', async () => {
  for (const from of [() => server.url, () => release, () => join(release, 'skerry-0.2.0-linux-x64.gz')]) {
    const done = await run(from(), { services: services(() => endTrial(world.layout, 'server')) });
    expect(done).toEqual({ type: 'confirmed', from: '0.1.0', to: '0.2.0' });
    expect([currentVersion(world.layout), slotVersions(world.layout)]).toEqual(['0.2.0', ['0.1.0', '0.2.0']]);
    expect(existsSync(world.layout.download)).toBe(false);
    expect(await run(from())).toMatchObject({ type: 'nothing' });
    world.remove();
    world = makeSlotsWorld(['0.1.0']);
    release = join(world.layout.lib, '../../../../release');
    writeRelease(release, { '0.2.0': executable('0.2.0') }, NEXT);
    await server.stop();
    server = await serveRelease(release);
  }
});

test('a release that does not become healthy is taken back, with why and its last words', async () => {
  const failing = services((version) => {
    if (version === '0.2.0')
      void (async () => {
        for (let start = 2; start <= 4; start += 1) await world.launch();
      })();
  });
  await expect(run(release, { services: failing })).rejects.toMatchObject({
    code: 'TakenBack',
    message: expect.stringMatching(
      /upgrade to 0\.2\.0: 0\.1\.0 is back: it was started 3 times and did not become healthy\nIts last words:\nthe last words of server$/,
    ),
  });
  expect((await world.launch()).version).toBe('0.1.0');
  expect(said.join()).not.toContain('tried here before');
  // Nothing that takes seconds is done in silence.
  expect(said.map((line) => line.split(' ')[0])).toEqual(['looking', 'fetching', 'unpacking', 'trying', 'restarting']);
  const done = await run(release, { services: services(() => endTrial(world.layout, 'server')) });
  expect([done.type, said.join('\n')]).toEqual([
    'confirmed',
    expect.stringMatching(
      /^0\.2\.0 was tried here before and taken back \(\S+Z: it was started 3 times.*\); it is tried again$/m,
    ),
  ]);
});

test('nothing is changed by what is not vouched for, not for this machine, or not newer', async () => {
  const [sums] = [readFileSync(join(release, 'SHA256SUMS'), 'utf8')];
  const packed = join(release, 'skerry-0.2.0-linux-x64.gz');
  writeSums(release, sums, STRANGER);
  await checkUntouched(run(server.url), 'Unverified', /not signed by any of the 2 keys/);
  writeSums(release, sums, KEY);
  await checkUntouched(run(server.url, { releaseKeys: [] }), 'Unverified', /not built as a release/);
  await checkUntouched(run(server.url, { architecture: 'arm64' }), 'NotFound', /for arm64/);
  await checkUntouched(run(server.url, { version: '0.3.0' }), 'NotFound', /skerry 0\.3\.0 for x64/);
  const good = readFileSync(packed);
  for (const bad of [
    Buffer.from('no gzip'),
    good.subarray(0, 5_000),
    Buffer.concat([good, good]),
    gzipSync('other'),
    Buffer.concat([good, Buffer.from('more')]),
  ]) {
    writeFileSync(packed, bad);
    await checkUntouched(run(server.url), 'Unverified', /verify .*linux-x64\.gz/);
    await checkUntouched(run(release), 'Unverified', /verify .*linux-x64\.gz/);
  }
  writeFileSync(packed, good);
  rmSync(join(release, 'SHA256SUMS.sig'));
  await checkUntouched(run(server.url), 'NotFound', /SHA256SUMS\.sig/);
  await checkUntouched(run(release), 'NotFound', /SHA256SUMS\.sig/);
  expect(() => run('/no/such/place')).toThrow(/no such file or folder/);
  writeRelease(release, { '0.0.9': executable('0.0.9') }, KEY);
  await checkUntouched(run(server.url), 'Downgrade', /--allow-downgrade/);
  expect(await run(server.url, { allowDowngrade: true })).toMatchObject({ type: 'to-be-started', to: '0.0.9' });
});

test('nothing is changed by a release that does not run here, calls itself otherwise, or does not like the settings', async () => {
  writeRelease(release, { '0.2.0': '\x7fELF of another processor' }, KEY);
  await checkUntouched(run(release), 'BadRelease', /does not run on this machine/);
  writeRelease(release, { '0.2.0': executable('0.1.9') }, KEY);
  await checkUntouched(run(release), 'BadRelease', /calls itself 0\.1\.9/);
  mkdirSync(dirname(world.layout.config), { recursive: true });
  writeFileSync(world.layout.config, 'no-such-key: 1\n');
  writeRelease(release, { '0.2.0': executable('0.2.0', `echo "$4: no-such-key: is no setting"; exit 2`) }, KEY);
  await checkUntouched(run(release), 'BadSettings', /config\.yaml with 0\.2\.0.*no-such-key: is no setting/s);
  expect(readdirSync(world.layout.download)).toEqual([]);
});

test('a download that breaks off goes on where it was, in the same run and in the next', async () => {
  server.stallAfter(50_000);
  await run(server.url, { progress: () => server.breakOff() });
  const gets = server.requests.filter((line) => line.includes('.gz'));
  expect(gets).toEqual(['GET /skerry-0.2.0-linux-x64.gz', expect.stringMatching(/gz from \d+$/)]);

  world.remove();
  world = makeSlotsWorld(['0.1.0']);
  const again = join(world.layout.lib, '../../../../release');
  writeRelease(again, { '0.2.0': executable('0.2.0') }, KEY);
  await server.stop();
  server = await serveRelease(again);
  mkdirSync(world.layout.download, { recursive: true });
  const name = 'skerry-0.2.0-linux-x64.gz';
  writeFileSync(join(world.layout.download, name), readFileSync(join(again, name)).subarray(0, 1_000));
  writeFileSync(join(world.layout.download, 'skerry-0.1.9-linux-x64.gz'), 'of another');
  await run(server.url);
  expect(server.requests).toContain(`GET /${name} from 1000`);
  expect(currentVersion(world.layout)).toBe('0.2.0');
});

test('what was cut off before the restart is taken up again, and one upgrade goes on at a time', async () => {
  expect(await run(release)).toMatchObject({ type: 'to-be-started', from: '0.1.0', to: '0.2.0' });
  expect(readTrial(world.layout, 'server')).toMatchObject({ to: '0.2.0', back: '0.1.0', starts: 0, needs: ['engine'] });
  let end: () => void = () => undefined;
  const waiting = run(release, { services: services(() => (end = () => endTrial(world.layout, 'server'))) });
  await eventually(() => readTrial(world.layout, 'server')?.starts === 1, 'it is started');
  await expect(run(release)).rejects.toMatchObject({ code: 'InUse' });
  await eventually(() => said.some((line) => line.includes('restarting skerry-server')), 'it says so');
  end();
  endTrial(world.layout, 'server');
  expect(await waiting).toEqual({ type: 'confirmed', from: '0.1.0', to: '0.2.0' });
});

test('kill -9 of the command anywhere leaves a machine that starts, and it can be given again', async () => {
  let wasKilled = true;
  for (let nth = 1; wasKilled; nth += 1) {
    const argv = ['test/support/upgrade-child.ts', join(world.layout.lib, '../../../..'), server.url, KEY.pem, String(nth)];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [, signal] = await once(child, 'exit');
    wasKilled = signal === 'SIGKILL';
    expect([nth, ['0.1.0', '0.2.0'].includes((await world.launch()).version ?? '')]).toEqual([nth, true]);
    if (wasKilled) expect(await run(server.url)).toMatchObject({ type: 'to-be-started', to: '0.2.0' });
    else expect(nth).toBeGreaterThan(6);
    expect((await world.launch()).version).toBe('0.2.0');
    world.remove();
    world = makeSlotsWorld(['0.1.0']);
    writeRelease(join(world.layout.lib, '../../../../release'), { '0.2.0': executable('0.2.0') }, KEY);
    await server.stop();
    server = await serveRelease(join(world.layout.lib, '../../../../release'));
  }
}, 90_000);

test('what the running service has, the new one has to have; older slots go, the one before stays', async () => {
  mkdirSync(world.layout.run, { recursive: true });
  writeFileSync(join(world.layout.run, 'server.health'), 'has=link\n');
  await run(release, { services: services(() => endTrial(world.layout, 'server')) });
  expect(readdirSync(world.layout.slots)).toEqual(['0.1.0', '0.2.0']);
  writeRelease(release, { '0.3.0': executable('0.3.0') }, KEY);
  expect(await run(release)).toMatchObject({ type: 'to-be-started' });
  expect(readTrial(world.layout, 'server')).toMatchObject({ to: '0.3.0', back: '0.2.0', needs: ['link'] });
  expect(readdirSync(world.layout.slots)).toEqual(['0.2.0', '0.3.0']);
  // One that has proved nothing is no way back, and is not kept as one.
  writeRelease(release, { '0.4.0': executable('0.4.0') }, KEY);
  expect(await run(release)).toMatchObject({ type: 'to-be-started' });
  expect(readTrial(world.layout, 'server')).toMatchObject({ to: '0.4.0', back: '0.2.0' });
  expect(readdirSync(world.layout.slots)).toEqual(['0.2.0', '0.4.0']);
});

test('a trial lasts as the databases are large that its start has to check', async () => {
  for (const [file, bytes] of [
    ['server/state.db', 3_900_000_000],
    ['agent/ledger.db', 100_000_000],
  ] as const) {
    mkdirSync(dirname(join(world.layout.lib, '../data', file)), { recursive: true });
    // Sparse.
    writeFileSync(join(world.layout.lib, '../data', file), '');
    truncateSync(join(world.layout.lib, '../data', file), bytes);
  }
  await run(release);
  expect(MODES.map((mode) => readTrial(world.layout, mode)?.limitSeconds)).toEqual([1_600, 625]);
});

test('a damaged state of an earlier upgrade is no obstacle', async () => {
  writeFileSync(trialFile(world.layout, 'server'), '\0\0');
  appendFileSync(world.layout.goneBack, 'x');
  mkdirSync(join(world.layout.slots, '0.2.0'));
  writeFileSync(join(world.layout.slots, '0.2.0', 'skerry.new'), 'half');
  expect(await run(release)).toMatchObject({ type: 'to-be-started' });
  truncateSync(world.layout.goneBack.replace('gone-back', 'launch'), 0);
  expect(readdirSync(join(world.layout.slots, '0.2.0'))).toEqual(['skerry']);
});
