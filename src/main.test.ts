import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { connectToOwnServer } from '#cli/client/own-server.ts';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import { issueClientCertificate } from '#net/tls/certificates.ts';
import { eventually } from '../test/support/eventually.ts';

/** The program as a process: how it ends, also when what it says is not read or can not be written. */
const folder = mkdtempSync(join(tmpdir(), 'main-'));
const full = openSync('/dev/full', 'w');
afterAll(() => {
  closeSync(full);
  rmSync(folder, { recursive: true });
});

type Streams = { readonly stdout?: 'unread' | 'full'; readonly stderr?: 'unread' | 'full' };

function start(argv: readonly string[], { stdout, stderr }: Streams = {}, env: Readonly<Record<string, string>> = {}) {
  const to = (where: 'unread' | 'full' | undefined) => (where === 'full' ? full : 'pipe');
  const child = spawn(process.execPath, ['src/main.ts', ...argv], {
    stdio: ['ignore', to(stdout), to(stderr)],
    env: { ...process.env, SKERRY_CONFIG: '/dev/null', ...env },
  });
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

const ownServer = (dir: string) =>
  connectToOwnServer(dir, { environment: {}, clock: systemClock, stderr: () => undefined, interactive: () => false });

test('an administrator’s certificate that has ended is made anew at the start, for the same key', async () => {
  const dir = join(folder, 'ended');
  const run = async () => {
    rmSync(join(dir, 'admin.kubeconfig'), { force: true });
    const { ended, stop } = start(server('ended'));
    await isReady('ended');
    stop();
    expect(await ended).toMatchObject({ code: 0 });
    return ownServer(dir);
  };
  const { key, certificate } = await run();
  const [pki, nowMs] = [join(dir, 'server', 'pki'), Date.UTC(2026, 0, 2)];
  const ca = { key: readFileSync(join(pki, 'ca.key'), 'utf8'), certificate: readFileSync(join(pki, 'ca.crt'), 'utf8') };
  const who = { key, user: 'kubernetes-admin', groups: ['system:masters'], ttlMs: 3_600_000 };
  writeFileSync(join(pki, 'admin.crt'), await issueClientCertificate(ca, who, { nowMs, ids: systemIds }));
  const renewed = await run();
  expect(renewed.key).toBe(key);
  expect(renewed.certificate).not.toBe(certificate);
  const left = Date.parse(new X509Certificate(renewed.certificate).validTo) - systemClock.now();
  expect(left).toBeGreaterThan(360 * 86_400_000);
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

test('a flag goes before the environment, that before the file; a log file has what is told, a key nobody knows among it', async () => {
  const file = join(folder, 'config.yaml');
  const log = join(folder, 'server.log');
  writeFileSync(
    file,
    `data-dir: ${join(folder, 'by-file')}\nlisten: 127.0.0.1:1\nno-agent: true\nlog-levle: debug\nlog-file: ${join(folder, 'other.log')}\ntls-san: [api.example.com, "*.edge.example", 203.0.113.7]\nservice-cidr: 172.21.0.0/20\ncluster-domain: boats.example\n`,
    { mode: 0o600 },
  );
  const env = { SKERRY_CONFIG: file, SKERRY_LISTEN: '127.0.0.1:2', SKERRY_LOG_FILE: log };
  const { ended, stop } = start(['server', '--listen', '127.0.0.1:0'], {}, env);
  await isReady('by-file');
  const kubeconfig = await ownServer(join(folder, 'by-file'));
  const port = Number(new URL(kubeconfig.url).port);
  expect(port).toBeGreaterThan(2);
  const names = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: kubeconfig.ca, servername: 'x.edge.example' }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? '');
      socket.destroy();
    }).on('error', reject);
  });
  const ofService = ['DNS:kubernetes.default.svc', 'IP Address:172.21.0.1', 'DNS:kubernetes.default.svc.boats.example'];
  for (const name of ['DNS:api.example.com', 'DNS:*.edge.example', 'IP Address:203.0.113.7', ...ofService])
    expect(names.split(', ')).toContain(name);
  // Another verb finds the server by the same file.
  expect((await start(['token', 'create'], {}, env).ended).stdout).toMatch(/^skr1\./);
  stop();
  expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ level: 'warn', problem: `${file}:4: unknown key "log-levle": did you mean "log-level"?` }),
      expect.objectContaining({ msg: 'the server has ended' }),
    ]),
  );
  expect(existsSync(join(folder, 'other.log'))).toBe(false);
});

test('a log file on a full disk ends nothing, and what it does not take goes to stderr', async () => {
  const { ended, stop } = start([...server('logless'), '--log-file', '/dev/full']);
  await isReady('logless');
  stop();
  expect(await ended).toMatchObject({ code: 0, stderr: expect.stringContaining('the server has ended') });
});
