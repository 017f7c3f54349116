import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findProgram } from '../../scripts/lab/requirements.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { writeInstallable } from '../support/release-folder.ts';
import { newTestKey, serveRelease, writeSums, type ReleaseServer } from '../support/release-world.ts';
import { copyInto, createRoot, emptyRoot, type Root, type RootOptions } from '../support/root.ts';
import { STRANGE_TOKEN } from '../support/stick-machine.ts';

/**
 * install.sh as strangers run it, in real Debians and in systems it has to refuse. The program that it fetches is a few lines of shell here,
 * which say what they were called with: what the real one does is install.test.ts.
 */
const SLOTS = '/usr/local/lib/skerry/slots';
/** As the real one does: puts itself into its slot. */
const PROGRAM = `#!/bin/sh
echo "called $0 $#: $*"
mkdir -p ${SLOTS}/1.2.3
[ "$0" = ${SLOTS}/1.2.3/skerry ] || cp "$0" ${SLOTS}/1.2.3/skerry
`;

const JOIN = ['agent', '--server', 'https://10.0.0.1:6443', '--token-file', '/token'];

const key = newTestKey();
const cleanups: (() => unknown)[] = [];
let server: ReleaseServer;
/** Its folder, and the sum of its packed program. */
let release: { readonly folder: string; readonly sum: string };
/** curl and openssl 3. */
let full: Root;
/** Nothing but what a Debian 11 cannot be without, and busybox. */
let bare: Root;

/** A folder of a release, which may already be served. */
function write(
  baseUrl: string,
  more: { readonly folder?: string; readonly version?: string; readonly program?: Buffer; readonly signer?: typeof key } = {},
) {
  const { folder = newFolder(), version = '1.2.3', program = Buffer.from(PROGRAM), signer = key } = more;
  return { folder, sum: writeInstallable(folder, program, { version, baseUrl, key: signer }) };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-release-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

beforeAll(async () => {
  const folder = newFolder();
  server = await serveRelease(folder);
  release = write(server.url, { folder });
  full = await createRoot('booted');
  bare = await createRoot('bullseye');
  writeFileSync(join(bare.folder, 'token'), `${STRANGE_TOKEN}\n`, { mode: 0o600 });
  copyInto(bare, findProgram('busybox') ?? '', '/usr/local/bin/busybox');
  symlinkSync('busybox', join(bare.folder, 'usr/local/bin/wget'));
  cleanups.push(server.stop, full.remove, bare.remove);
});
afterAll(async () => {
  for (const cleanup of cleanups) await cleanup();
});

type More = RootOptions & { readonly script?: string; readonly shell?: readonly string[] };

async function install(root: Root, args: readonly string[], { script, shell = ['sh'], ...options }: More = {}) {
  const input = script ?? readFileSync(join(release.folder, 'install.sh'), 'utf8');
  const { code, stdout, stderr } = await root.run([...shell, '-s', '-', ...args], { network: 'host', ...options, input });
  return { code, stdout: stdout.trim(), stderr };
}

const slotsOf = (root: Root) => (existsSync(root.folder + SLOTS) ? readdirSync(root.folder + SLOTS) : []);
const forget = (root: Root) => run('rm', ['-rf', join(root.folder, 'usr/local/lib/skerry')]);

async function checkRefused(root: Root, reason: RegExp, more: More = {}, args: readonly string[] = ['server']) {
  await forget(root);
  const { code, stdout, stderr } = await install(root, args, more);
  expect([code, stdout, stderr]).toEqual([expect.any(Number), '', expect.stringMatching(reason)]);
  expect(code).not.toBe(0);
  expect(existsSync(join(root.folder, SLOTS, '..'))).toBe(false);
}

test('the script is what every shell takes', async () => {
  await run('shellcheck', ['-s', 'sh', join(release.folder, 'install.sh')]);
});

test.each([['dash'], ['bash', '--posix'], ['/usr/local/bin/busybox', 'sh']])(
  'fetched and handed over by %s',
  async (...shell) => {
    await forget(bare);
    const { code, stdout, stderr } = await install(bare, [...JOIN, '--node-name', 'a b', '--labels', "x='y"], { shell });
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        `^called ${SLOTS}/.install.[0-9]+/skerry 10: install ${JOIN.join(' ')} --node-name a b --labels x='y$`,
      ),
    ]);
    expect(stderr).toContain('not by its signature, as there is no openssl 3 here');
    expect(slotsOf(bare)).toEqual(['1.2.3']);
  },
);

test('what a join lacks is told before anything is fetched, in the words of the program', async () => {
  const asked = server.requests.length;
  const [url, empty] = ['https://10.0.0.1:6443', '/empty'];
  writeFileSync(join(bare.folder, empty), '\n');
  const needs = (what: string) =>
    new RegExp(`^skerry: install the agent: to join a cluster it needs ${what} \\(make a token with `);
  const noToken = /^skerry: read the join token: it does not look like skr1\.<hash>/;
  for (const [args, reason, env = {}] of [
    [[], needs('--server URL and --token-file FILE')],
    [['--server', url], needs('--token-file FILE')],
    [['--token-file=/token'], needs('--server URL')],
    [[], needs('--server URL'), { SKERRY_TOKEN: STRANGE_TOKEN }],
    [['--server', 'http://10.0.0.1:6443'], /argument 'http:\/\/10\.0\.0\.1:6443' is invalid\. Use an https URL/],
    [[], /Use an https URL/, { SKERRY_SERVER: '10.0.0.1' }],
    [
      ['--server', url, '--token-file', '/nowhere'],
      /^skerry: read the token file \/nowhere: it is not there; write a token to it \(made with/,
    ],
    [['--server', url], /read the token file \/nowhere/, { SKERRY_TOKEN_FILE: '/nowhere' }],
    [['--server', url, '--token-file', '/etc'], /read the token file \/etc: it is a folder/],
    [['--server', url, '--token-file', empty], noToken],
    [['--server', url, '--token-file', '/etc/passwd'], noToken],
    [['--server', url, '--token', 'mine'], noToken],
  ] as const) {
    await checkRefused(bare, reason, { env }, ['agent', ...args]);
    // As the one that would be fetched ends.
    expect((await install(bare, ['agent', ...args], { env })).code).toBe(2);
  }
  expect(server.requests).toHaveLength(asked);
  // Where something is there already, it may say the rest; a card may get it later; what no flag says may come by a variable, or a pipe.
  for (const [args, env = {}] of [
    [['--image', '/mnt']],
    [['--data-dir', '/srv/data']],
    [['--server', url, '--token', STRANGE_TOKEN]],
    [[], { SKERRY_SERVER: url, SKERRY_TOKEN_FILE: '/token' }],
    [['--server', url, '--token-file', '/dev/null']],
  ] as const) {
    await forget(bare);
    expect(await install(bare, ['agent', ...args], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('install agent'),
    });
  }
  mkdirSync(join(bare.folder, 'var/lib/skerry/agent'), { recursive: true });
  expect((await install(bare, ['agent'])).code).toBe(0);
  rmSync(join(bare.folder, 'var/lib/skerry'), { recursive: true });
});

test('what is there already is not fetched again, and what was changed is', async () => {
  const asked = server.requests.length;
  expect(await install(bare, ['server'])).toMatchObject({ code: 0, stdout: `called ${SLOTS}/1.2.3/skerry 2: install server` });
  expect(server.requests).toHaveLength(asked);
  writeFileSync(join(bare.folder, SLOTS, '1.2.3/skerry'), '#!/bin/sh\necho other\n');
  expect(await install(bare, ['server'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/\.install\.\d+\/skerry/) });
});

test('with curl and openssl 3 the signature is looked at too', async () => {
  const { code, stderr } = await install(full, ['server']);
  expect([code, stderr]).toEqual([0, expect.stringContaining('sum and signature are good')]);
});

test('a wrong sum, a wrong signature and a signature of others are refused', async () => {
  const script = readFileSync(join(release.folder, 'install.sh'), 'utf8');
  await checkRefused(full, /is not what it should be/, { script: script.replaceAll(release.sum, '0'.repeat(64)) });
  const signer = newTestKey();
  const strange = write(server.url, { signer });
  // The same program, but signed by somebody else.
  await checkRefused(full, /signature of SHA256SUMS is not good/, { bind: { '/stick': strange.folder } }, [
    'server',
    '--offline',
    '/stick',
  ]);
  writeSums(strange.folder, `${'0'.repeat(64)}  skerry-1.2.3-linux-x64.gz\n`, signer);
  await checkRefused(full, /signature of SHA256SUMS is not good/, { bind: { '/stick': strange.folder } }, [
    'server',
    '--offline',
    '/stick',
  ]);
});

test('a download that is cut off leaves nothing in the way, by curl and by wget', async () => {
  for (const root of [full, bare]) {
    server.stallAfter(100);
    const refused = checkRefused(root, /can not download .*linux-x64.gz|is not what it should be/);
    await waitFor('the download to stall', () => server.breakOff());
    await refused;
  }
  // What a power cut left behind.
  mkdirSync(join(bare.folder, SLOTS, '.install.4194305'), { recursive: true });
  writeFileSync(join(bare.folder, SLOTS, '.install.4194305/skerry'), 'half');
  expect(await install(bare, ['server'])).toMatchObject({ code: 0 });
  expect(slotsOf(bare)).toEqual(['1.2.3']);
});

test('a download from which nothing comes is given up', async () => {
  const script = readFileSync(join(release.folder, 'install.sh'), 'utf8');
  expect(script).toContain('silent_seconds_max=60\n');
  const more = { script: script.replace('silent_seconds_max=60', 'silent_seconds_max=1') };
  server.stallAfter(100);
  expect(await install(full, ['server'], more)).toMatchObject({ code: 0 });
  // Those of GNU, and some of busybox; the one here takes none.
  const wget = `case $* in --help) echo '  -T SEC' ;; *) echo "called $*" >&2; exit 4 ;; esac`;
  await checkRefused(bare, /called -q -T 60 -t 4 -O \S+ http/, pretend(bare, { wget }));
});

test('two at once do not get in the way of each other, nor of an upgrade', async () => {
  await forget(bare);
  const upgrade = join(bare.folder, SLOTS, '.download');
  mkdirSync(upgrade, { recursive: true });
  // The first one is held up, with half of its download there, until the second one is through.
  const script = readFileSync(join(release.folder, 'install.sh'), 'utf8');
  const first = `${callingInstead(script, '')}
check_download() { : >/first; while [ ! -e /second ]; do sleep 0.1; done; }
(main server) &
while [ ! -e /first ]; do sleep 0.1; done
sh /second.sh server && : >/second && wait $!
`;
  writeFileSync(join(bare.folder, 'second.sh'), script);
  const { code, stdout } = await install(bare, ['server'], { script: first });
  expect([code, stdout.match(/called /g)]).toEqual([0, ['called ', 'called ']]);
  expect(slotsOf(bare).toSorted()).toEqual(['.download', '1.2.3']);
});

test('a disk without room is told before, and one that fills up leaves nothing', async () => {
  await forget(bare);
  const small = await install(bare, ['server'], { localBytes: 200 * 1024 ** 2, env: { PATH: '/usr/bin:/bin' } });
  expect(small).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/has 200 MB free, and 300 MB are needed/) });
  const large = write(server.url, { program: Buffer.alloc(400 * 1024 ** 2) });
  const script = readFileSync(join(large.folder, 'install.sh'), 'utf8');
  const full301 = await install(bare, ['server', '--offline', '/stick'], {
    localBytes: 310 * 1024 ** 2,
    bind: { '/stick': large.folder },
    script: callingInstead(script, `(main "$@"); code=$?; ls -A ${SLOTS}; exit $code`),
  });
  expect(full301).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/can not unpack .*is the disk full\?/) });
});

test('from a stick, with no network', async () => {
  await forget(bare);
  const stick: More = { network: 'own', bind: { '/media/a stick': release.folder } };
  const args = ['server', '--offline', '/media/a stick', '--no-agent'];
  expect(await install(bare, args, stick)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('server --offline /media/a stick --no-agent'),
  });
  await checkRefused(bare, /there is no such folder/, {}, ['server', '--offline=/nowhere']);
  await checkRefused(bare, /there is no skerry-1.2.3-linux-x64.gz in \/usr: nothing was installed/, {}, [
    'server',
    '--offline',
    '/usr',
  ]);
});

test('through a proxy, which alone knows the name', async () => {
  await forget(bare);
  const env = { http_proxy: server.url, SKERRY_URL: 'http://releases.example/' };
  expect(await install(bare, ['server'], { env })).toMatchObject({ code: 0 });
});

test('where another version is installed, the upgrade takes this one, and what was asked for follows', async () => {
  await forget(bare);
  const old = join(bare.folder, SLOTS, '1.1.0');
  mkdirSync(old, { recursive: true });
  const upgrade = `#!/bin/sh\necho "old: $*"\n[ -e /refuse ] && exit 7\nmkdir ${SLOTS}/1.2.3\nprintf '#!/bin/sh\\necho "new: $*"\\n' >${SLOTS}/1.2.3/skerry
chmod 755 ${SLOTS}/1.2.3/skerry\nln -sfn slots/1.2.3 /usr/local/lib/skerry/current\n`;
  writeFileSync(join(old, 'skerry'), upgrade, { mode: 0o755 });
  symlinkSync('slots/1.1.0', join(bare.folder, 'usr/local/lib/skerry/current'));
  writeFileSync(join(bare.folder, 'refuse'), '');
  const asked = server.requests.length;
  expect(await install(bare, ['server'])).toMatchObject({ code: 7, stdout: `old: upgrade --from ${server.url} --version 1.2.3` });
  await run('rm', [join(bare.folder, 'refuse')]);
  const { code, stdout } = await install(bare, ['server', '--no-agent']);
  expect([code, stdout]).toEqual([0, `old: upgrade --from ${server.url} --version 1.2.3\nnew: install server --no-agent`]);
  expect(server.requests).toHaveLength(asked);
});

test('where a newer version is installed, that one takes what was asked for', async () => {
  await forget(bare);
  const slot = join(bare.folder, SLOTS, '1.10.0');
  mkdirSync(slot, { recursive: true });
  writeFileSync(join(slot, 'skerry'), '#!/bin/sh\necho "newer: $*"\n', { mode: 0o755 });
  symlinkSync('slots/1.10.0', join(bare.folder, 'usr/local/lib/skerry/current'));
  const asked = server.requests.length;
  // A flag that only the newer one has, too.
  expect(await install(bare, ['server', '--new-flag'])).toMatchObject({
    code: 0,
    stdout: 'newer: install server --new-flag',
    stderr: expect.stringContaining('1.10.0 is installed here, which is newer than 1.2.3'),
  });
  const asksForIt = await install(bare, ['server'], { env: { SKERRY_VERSION: '1.2.3' } });
  expect(asksForIt.stdout).toContain(`newer: upgrade --from ${server.url} --version 1.2.3`);
  expect(server.requests).toHaveLength(asked);
});

test('another version is vouched for by its signature, or by a sum', async () => {
  const other = write(server.url, { version: '1.3.0' });
  const place = await serveRelease(other.folder);
  cleanups.push(place.stop);
  const env = { SKERRY_URL: place.url, SKERRY_VERSION: '1.3.0' };
  await forget(full);
  expect(await install(full, ['server'], { env })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('sum and signature'),
  });
  await checkRefused(bare, /sums of 1.2.3 only, and there is no openssl 3/, { env });
  await forget(bare);
  expect(await install(bare, ['server'], { env: { ...env, SKERRY_SHA256: other.sum } })).toMatchObject({ code: 0 });
  await checkRefused(bare, /is not what it should be/, { env: { ...env, SKERRY_SHA256: '0'.repeat(64) } });
  await checkRefused(full, /can not download/, { env: { ...env, SKERRY_VERSION: '1.4.0' } });
  await checkRefused(full, /is no version/, { env: { SKERRY_VERSION: '../1' } });
});

/** Programs that say what such a machine's say. */
function pretend(root: Root, programs: Readonly<Record<string, string>>, shell = '/bin/sh'): More {
  const folder = mkdtempSync(join(root.folder, 'pretended-'));
  chmodSync(folder, 0o755);
  for (const [name, text] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!${shell}\n${text}\n`, { mode: 0o755 });
  return { env: { PATH: `${folder.slice(root.folder.length)}:/usr/local/bin:/usr/bin:/bin` } };
}

test('machines that it can not run on are told so', async () => {
  await checkRefused(bare, /32-bit ARM \(armv7l\): Skerry needs a 64-bit one/, pretend(bare, { uname: 'echo armv7l' }));
  await checkRefused(bare, /this machine is riscv64/, pretend(bare, { uname: 'echo riscv64' }));
  await checkRefused(bare, /glibc 2.28: Skerry needs 2.31/, pretend(bare, { getconf: 'echo glibc 2.28' }));
  await checkRefused(bare, /root is needed/, pretend(bare, { id: 'echo 1000' }));
  await checkRefused(bare, /neither curl nor wget/, { env: { PATH: '/usr/bin:/bin' } });
  await checkRefused(bare, /^usage: install.sh/, {}, []);
  await checkRefused(bare, /'sever' is neither server nor agent\nusage: install.sh/, {}, ['sever']);
  await checkRefused(bare, /server has no flag --lable;/, {}, ['server', '--lable=x']);
});

test('a 32-bit system on a 64-bit kernel is told so', async () => {
  const shell = join(bare.folder, 'bin/sh');
  const bytes = readFileSync(join(bare.folder, 'bin/dash'));
  // Only in its header, which is all that is looked at; it runs no more.
  bytes[4] = 1;
  await run('mv', [shell, `${shell}.kept`]);
  writeFileSync(shell, bytes, { mode: 0o755 });
  const { env = {} } = pretend(bare, { uname: 'echo aarch64' }, '/bin/bash');
  await checkRefused(bare, /kernel is 64-bit \(aarch64\), but the system on it is 32-bit/, { env, shell: ['bash'] });
  await run('mv', [`${shell}.kept`, shell]);
});

test('Alpine is refused with the reason', async () => {
  const alpine = emptyRoot();
  cleanups.push(alpine.remove);
  for (const folder of ['bin', 'lib', 'usr/local/bin', 'tmp']) mkdirSync(join(alpine.folder, folder), { recursive: true });
  copyInto(alpine, findProgram('busybox') ?? '', '/bin/busybox');
  for (const applet of (await run(join(alpine.folder, 'bin/busybox'), ['--list'])).trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(alpine.folder, 'bin', applet));
  writeFileSync(join(alpine.folder, 'lib/ld-musl-x86_64.so.1'), '');
  await checkRefused(alpine, /built on musl, as Alpine is: Skerry needs glibc 2.31/);
});

/** The script with another last command than its own. */
function callingInstead(script: string, command: string): string {
  const [functions = '', rest] = script.split('main "$@"\n');
  expect(rest).toBe('\n}\n');
  return `${functions}${command}\n}\n`;
}
