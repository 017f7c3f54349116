import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildAll } from '../../build/executable/build-all.ts';
import { nodeFor } from '../../build/executable/node-binary.ts';
import { sqliteAddonFor } from '../../build/executable/sqlite-addon.ts';
import { sysrootFor } from '../../build/executable/sysroot.ts';
import { TARGETS } from '../../build/executable/targets.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { eventually } from '../support/eventually.ts';

/** The single executable where it is told nothing and given nothing: no environment, no home, no folder but one of memory. */
const run = promisify(execFile);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync('/var/tmp/executable-');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it says what it is asked and nothing else: no warning, no rejected code cache', async () => {
  expect(await run(PROGRAM, ['version'], { env: {} })).toEqual({ stdout: expect.stringMatching(/^skerry \d/), stderr: '' });
});

test('that for the other architecture does, too, under its emulator', async () => {
  const { emulator } = TARGETS.arm64;
  const sysroot = await sysrootFor(TARGETS.arm64, () => undefined);
  const { stdout, stderr } = await run(emulator, ['-L', sysroot, 'dist/skerry-linux-arm64', 'version', '-o', 'json'], {
    env: {},
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ platform: 'linux/arm64' });
});

test.each(Object.values(TARGETS))(
  'for $arch it asks for no newer system than Debian 11, and for no memory to write and execute',
  async (target) => {
    const sysroot = await sysrootFor(target, () => undefined);
    const addon = await sqliteAddonFor(target, sysroot, await nodeFor(target, () => undefined), () => undefined);
    for (const file of [`dist/skerry-linux-${target.arch}`, addon]) {
      const { stdout } = await run('readelf', ['-lVW', file]);
      const versions = [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
      expect(Math.max(...versions)).toBeLessThanOrEqual(31);
      const segments = [...stdout.matchAll(/^ {2}([A-Z_]+) .* ([R ][W ][E ]) +0x([0-9a-f]+)$/gm)].map(
        ([, type, flags, align]) => ({
          type,
          flags,
          align: Number.parseInt(align ?? '', 16),
        }),
      );
      expect(segments.map(({ type }) => type)).toEqual(expect.arrayContaining(['LOAD', 'GNU_STACK', 'GNU_RELRO']));
      expect(
        segments.filter(({ type, flags }) => (type === 'LOAD' && flags === 'RWE') || (type === 'GNU_STACK' && flags !== 'RW ')),
      ).toEqual([]);
      expect(segments.filter(({ type, align }) => type === 'LOAD' && align < target.pageBytesMax)).toEqual([]);
    }
  },
);

test('two builds of the same sources are the same bytes, whatever folder they are made in', { timeout: 300_000 }, async () => {
  const targets = Object.values(TARGETS);
  const what = { version: '0.0.1', releaseKeys: [], releaseUrl: 'http://127.0.0.1:1/', say: () => undefined };
  const sums = async (name: string) => {
    const built = await buildAll(targets, { folder: join(folder, name), ...what });
    return built.map(({ output }) => createHash('sha256').update(readFileSync(output)).digest('hex'));
  };
  expect(await sums('a-longer/second')).toEqual(await sums('first'));
});

test('NODE_OPTIONS of whoever starts it are for other programs', async () => {
  const env = { NODE_OPTIONS: '--require=/nowhere.js --max-old-space-size=1' };
  expect((await run(PROGRAM, ['version'], { env })).stderr).toBe('');
});

test.each([
  ['as it is', ''],
  ['where no program may be started from memory', 'mount -o remount,noexec /dev/shm; '],
  ['where the system is read-only', 'mount -o remount,ro,bind / ; '],
])('a server keeps its database, and nothing of its own is left anywhere: %s', async (_, before) => {
  const data = mkdtempSync(join(folder, 'data-'));
  const script = `mount --bind "$1" "$1"; mount -t tmpfs none /dev/shm; ${before}exec "$0" server --no-agent --data-dir "$1" --listen 0.0.0.0:0`;
  const child = spawn('unshare', ['-m', '--', 'sh', '-ec', script, PROGRAM, data], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    await eventually(() => said.includes('server is ready'), 'the server is ready');
    expect(said).toMatch(/"listening":"0\.0\.0\.0:\d+","url":"https:\/\/127\.0\.0\.1:\d+"/);
    expect(readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('skerry\n');
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0').slice(0, 3)).toEqual([PROGRAM, 'server', '--no-agent']);
    expect(readdirSync(`/proc/${child.pid}/root/dev/shm`)).toEqual([]);
    // Both threads use one copy of SQLite.
    const copies = new Set(programsIn(child.pid ?? 0).filter((file) => file.endsWith('(deleted)')));
    expect([...copies]).toEqual([expect.any(String)]);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  expect(said).not.toContain('Warning');
  expect(readdirSync(data).toSorted()).toEqual(['admin.kubeconfig', 'recovery.key', 'server']);
});

/** Files that the process may execute code of, from /proc/<pid>/maps. */
function programsIn(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => line.includes('r-xp'))
    .map((line) => line.slice(73));
}
