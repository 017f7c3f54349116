import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../test/support/eventually.ts';

/** The program as a process: how it ends, also when what it says is not read or can not be written. */
const folder = mkdtempSync(join(tmpdir(), 'main-'));
const full = openSync('/dev/full', 'w');
afterAll(() => {
  closeSync(full);
  rmSync(folder, { recursive: true });
});

type Streams = { readonly stdout?: 'unread' | 'full'; readonly stderr?: 'unread' | 'full' };

function start(argv: readonly string[], { stdout, stderr }: Streams = {}) {
  const to = (where: 'unread' | 'full' | undefined) => (where === 'full' ? full : 'pipe');
  const child = spawn(process.execPath, ['src/main.ts', ...argv], { stdio: ['ignore', to(stdout), to(stderr)] });
  const said = { stdout: '', stderr: '' };
  for (const [name, where] of [['stdout', stdout] as const, ['stderr', stderr] as const])
    if (where === 'unread') child[name]?.destroy();
    else child[name]?.on('data', (chunk: Buffer) => (said[name] += chunk.toString()));
  const ended = new Promise<{ readonly code: number | null } & typeof said>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...said }));
  });
  return { said, ended, stop: () => void child.kill('SIGTERM'), stopReading: () => child.stderr?.destroy() };
}

test.each([
  ['help server', { stdout: 'unread' }, 0],
  ['version', { stdout: 'unread' }, 0],
  ['serve', { stderr: 'unread' }, 2],
  [`confirm --data-dir ${folder}`, { stderr: 'unread' }, 4],
] as const)('skerry %s: %o says nothing of it and ends as usual', async (line, streams, code) => {
  expect(await start(line.split(' '), streams).ended).toEqual({ code, stdout: '', stderr: '' });
});

test('an output that can not be written for another reason is a failure', async () => {
  const { code, stderr } = await start(['version'], { stdout: 'full' }).ended;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^skerry: write the output: ENOSPC[^\n]*\n$/)]);
});

const server = (name: string) => ['server', '--no-agent', '--listen', '127.0.0.1:0', '--data-dir', join(folder, name)];
const isReady = (name: string) =>
  eventually(() => existsSync(join(folder, name, 'admin.kubeconfig')), `${name} is ready`, 15_000);

test('a server whose log can not be written goes on, and ends as usual', async () => {
  const { ended, stop } = start(server('full'), { stderr: 'full' });
  await isReady('full');
  stop();
  expect(await ended).toMatchObject({ code: 0 });
});

test('a server whose log is read no more goes on, and ends as usual', async () => {
  const { ended, stop, stopReading } = start(server('unread'));
  await isReady('unread');
  stopReading();
  stop();
  expect(await ended).toMatchObject({ code: 0 });
});

test('confirm says what it did, and when there is nothing to do', async () => {
  const confirm = async () => (await start(['confirm', '--data-dir', join(folder, 'lost')]).ended).stdout;
  const serving = async (act: () => Promise<void>) => {
    rmSync(join(folder, 'lost', 'admin.kubeconfig'), { force: true });
    const { ended, stop } = start(server('lost'));
    await isReady('lost');
    await act();
    stop();
    expect(await ended).toMatchObject({ code: 0 });
  };
  const nothing = /^nothing to confirm: database \S+ is confirmed already\n$/;
  await serving(async () => expect(await confirm()).toMatch(nothing));
  rmSync(join(folder, 'lost', 'server', 'state.db'));
  await serving(async () => {
    expect(await confirm()).toMatch(
      /^database \S+ confirmed for 0 nodes \(connected: 0, to be told later: 0\): 0 pods to keep, all others are removed there\n$/,
    );
    expect(await confirm()).toMatch(nothing);
  });
});

test('a server and an agent that are told to stop say as their last word that they have ended', async () => {
  const ending = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
      .at(-1);
  const one = start(server('ending'));
  await isReady('ending');
  one.stop();
  const { code, stderr } = await one.ended;
  expect([code, ending(stderr)]).toEqual([0, expect.objectContaining({ level: 'info', msg: 'the server has ended' })]);

  const token = `skr1.${'a'.repeat(43)}.abcdefgh.${'b'.repeat(32)}`;
  const two = start(['agent', '--server', 'https://127.0.0.1:1', '--token', token, '--data-dir', join(folder, 'agent')]);
  await eventually(() => two.said.stderr.includes('can not be joined yet'), 'it tries to join', 15_000);
  two.stop();
  const agent = await two.ended;
  expect([agent.code, ending(agent.stderr)]).toEqual([
    0,
    expect.objectContaining({ level: 'info', msg: 'the agent has ended; its containers go on running' }),
  ]);
});
