import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { boot } from '../support/booted-root.ts';
import { createRoot, emptyRoot } from '../support/root.ts';
import { CONFIG, STRANGE_TOKEN } from '../support/stick-machine.ts';

/** The executable prepares a system that does not run: a card for machines yet to start. */
const cleanups: (() => unknown)[] = [];
afterAll(() => {
  for (const cleanup of cleanups) cleanup();
});

test('a card is prepared, and makes its own key at its first boot', async () => {
  const card = await createRoot('booted');
  cleanups.push(card.remove);
  writeFileSync(join(card.folder, 'token'), STRANGE_TOKEN);
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
