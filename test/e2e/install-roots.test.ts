import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import { createRoot, debsFor, packagesIndex } from '../support/root.ts';
import { CONFIG, STRANGE_TOKEN, TOOLS, makeStick, type Stick } from '../support/stick-machine.ts';

/** The executable installs itself in Debians that do not run systemd: with packages, on a disk that fills up, with what it is not to take. */
let stick: Stick;

beforeAll(async () => {
  stick = await makeStick();
});
afterAll(() => stick?.remove());

test.each(['bullseye', 'bookworm', 'trixie'] as const)(
  '%s without systemd: installed with its packages, and told how to start',
  async (name) => {
    const root = await createRoot(name);
    try {
      const bind = { '/stick': await stick.forSystem(name) };
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
      bind: { '/stick': stick.folder },
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
        bind: { '/stick': stick.folder },
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
      root.run(['/stick/skerry', 'install', 'agent', '--server', 'https://10.0.0.1:6443', '--token', STRANGE_TOKEN, ...more], {
        bind: { '/stick': stick.folder },
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
