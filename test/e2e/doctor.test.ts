import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, tryRun } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';

/** `skerry doctor` and `skerry support` on machines as they are: joined, a server's, with no engine, with one set badly, with a full disk. */
let world: LabWorld;

const edge = () => firstNode(world);
const dataDir = (host: Host) => join(host.disk, 'skerry');
const SOCKET = ['--docker', 'unix:///run/docker.sock'];

beforeAll(async () => {
  world = await startLabWorld(1);
  await world.join(edge());
  // In the host's own mount namespace: the machine's /etc stays as it is.
  const [upper, work] = [join(edge().disk, 'etc-upper'), join(edge().disk, 'etc-work')];
  for (const folder of [upper, work]) mkdirSync(folder);
  await edge().exec('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=/etc,upperdir=${upper},workdir=${work}`, '/etc');
});
afterAll(() => world.lab.remove());

type Told = DoctorReport & { readonly code: number };

const parse = (output: string, code: number): Told => ({
  // JSON.parse gives any; a report of another shape fails what is expected of it.
  ...(JSON.parse(output) as DoctorReport),
  code,
});

async function doctorOn(host: Host, ...flags: readonly string[]): Promise<Told> {
  const script = `${[PROGRAM, 'doctor', '-o', 'json', ...flags].map((word) => `'${word}'`).join(' ')} 2>/dev/null; echo "exit $?"`;
  const output = await host.exec('timeout', '60', '/bin/sh', '-c', script);
  const at = output.lastIndexOf('exit ');
  return parse(output.slice(0, at), Number(output.slice(at + 5)));
}

async function doctorHere(...flags: readonly string[]): Promise<Told> {
  const { code, stdout } = await tryRun(PROGRAM, ['doctor', '-o', 'json', ...flags]);
  return parse(stdout, code);
}

/** `error: message → advice` of one check. */
const told = ({ findings }: DoctorReport, check: string): string =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ status, message, advice = '' }) => `${status}: ${message} → ${advice}`)
    .join('\n');

test('a node that has joined: its engine, its kernel, its server with the pinned key; nothing is wrong', async () => {
  const report = await doctorOn(edge(), '--data-dir', dataDir(edge()), ...SOCKET);
  expect(report.findings.filter(({ status }) => status === 'error')).toEqual([]);
  expect([report.healthy, report.code]).toEqual([true, 0]);
  expect(told(report, 'engine')).toMatch(/ok: Docker \d.*API 1\.\d+; storage overlay2.*\nok: live-restore is on/s);
  expect(told(report, 'kernel')).toMatch(/ok: nft, veth, vxlan, overlay work/);
  expect(told(report, 'server')).toMatch(/ok: \S+:6443 answers, with the key that was pinned: TCP .* TLS/);
  expect(told(report, 'node')).toMatch(/ok: node "edge-1" of cluster \w+/);
  expect(told(report, 'disk-speed')).toMatch(/a synced write to .* takes .* ms \(median of \d+/);
  expect(told(report, 'disk')).toMatch(/\(data\).*\(images and containers\)/s);
  expect(told(report, 'ports')).toMatch(/an agent listens on no port/);
  expect(readdirSync(dataDir(edge())).filter((name) => name.includes('doctor'))).toEqual([]);
});

test("the server's machine: no engine is an error with its advice, the port is its own", async () => {
  const { server } = world.lab;
  const report = await doctorOn(server, '--data-dir', dataDir(server), ...SOCKET);
  expect([report.healthy, report.code]).toEqual([false, 1]);
  expect(told(report, 'engine')).toMatch(
    /^error: no container engine answers at unix:\/\/\/run\/docker\.sock.* → (Start it|Install one)/,
  );
  expect(told(report, 'ports')).toMatch(/ok: 6443 is held by skerry itself/);
  expect(told(report, 'node')).toMatch(/a server of its own/);
});

test('a server elsewhere: nobody there, no such name, something else; a stranger on the port', async () => {
  const stranger = edge().launch('httpd', ['busybox', 'httpd', '-f', '-p', '6443']);
  const future = join(edge().disk, 'future');
  mkdirSync(join(future, 'server'), { recursive: true });
  const check = async (url: string) => doctorOn(edge(), '--data-dir', future, ...SOCKET, '--server', url);
  try {
    const taken = await check('https://127.0.0.1:6443');
    expect(told(taken, 'ports')).toMatch(
      /error: 6443 is taken by process \d+ \(busybox\): the server can not listen there → .*--listen/,
    );
    expect(told(taken, 'server')).toMatch(/error: 127\.0\.0\.1:6443 answers, but not as a server: .*no TLS there/);
    expect(told(await check('https://127.0.0.1:1'), 'server')).toMatch(/error: no connection to 127\.0\.0\.1:1: .*ECONNREFUSED/);
    expect(told(await check('https://nowhere.invalid:6443'), 'server')).toMatch(/error: the server's name can not be resolved/);
    expect(taken.code).toBe(1);
  } finally {
    await edge().end(stranger, 'SIGKILL');
  }
});

test('a small disk that is full: too little room, memory for a disk, and nothing can be written', async () => {
  const small = join(edge().disk, 'small');
  await edge().exec('mkdir', '-p', small);
  await edge().exec('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small);
  await edge().exec('/bin/sh', '-c', `dd if=/dev/zero of=${small}/filling bs=4096 2>/dev/null || true`);
  const report = await doctorOn(edge(), '--data-dir', small, ...SOCKET);
  expect(told(report, 'disk')).toMatch(/error: .*only 0 KB of 8 MB free; 300 MB are needed.*warning: .*tmpfs: it is memory/s);
  expect(told(report, 'disk-speed')).toMatch(/error: .*takes no more/);
  expect(report.code).toBe(1);
  await edge().exec('umount', small);
});

test('an engine without live-restore, then in a swarm', async () => {
  const engine: TestEngine = await startEngine({});
  const docker = ['--docker', `unix://${engine.socketPath}`, '--data-dir', engine.dir];
  try {
    expect(told(await doctorHere(...docker), 'engine')).toMatch(
      /warning: live-restore is off.*"live-restore": true.*systemctl reload docker/s,
    );
    const swarm = ['swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:23777'];
    await run('docker', ['-H', `unix://${engine.socketPath}`, ...swarm]);
    const inSwarm = told(await doctorHere(...docker), 'engine');
    expect(inSwarm).toMatch(
      /warning: the engine is part of a swarm \(active\), under which live-restore can not be on.*docker swarm leave/s,
    );
    expect(inSwarm).not.toContain('live-restore is off');
    engine.signalDaemon('SIGSTOP');
    expect(told(await doctorHere(...docker), 'engine')).toMatch(/error: the engine at .* does not answer: no answer within 5 s/);
  } finally {
    await engine.stop();
  }
});

const PLANTED = {
  secret: 'planted-in-a-secret-7261',
  config: 'planted-in-a-config-map-7262',
  variable: 'planted-in-a-variable-7263',
  command: 'planted-in-a-command-7264',
  file: 'planted-in-the-configuration-7265',
  label: 'planted-in-a-label-7266',
};

test('a support file tells what is needed, and holds no secret', async () => {
  const token = await world.lab.createToken();
  await world.create(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' }, stringData: { password: PLANTED.secret } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' }, data: { 'app.conf': PLANTED.config } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'keeper', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'app',
            image: 'demo/web:1',
            env: [
              { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } },
              { name: 'FROM_CONFIG', valueFrom: { configMapKeyRef: { name: 'c', key: 'app.conf' } } },
              { name: 'LITERAL', value: PLANTED.variable },
            ],
          },
        ],
      },
    },
  );
  await world.kubectl('wait', 'pod/keeper', '--for=condition=Ready', '--timeout=60s');
  await edge().exec('mkdir', '-p', '/etc/skerry');
  const logFile = join(edge().disk, 'skerry.log');
  writeFileSync(
    join(edge().disk, 'etc-upper', 'skerry', 'config.yaml'),
    `server: ${world.lab.serverUrl}\ntoken: ${token}\nlog-file: ${logFile}\nsome-key: ${PLANTED.file}\n`,
  );
  const line = {
    level: 'warn',
    msg: 'run failed',
    err: { code: 'X', message: `engine said: FROM_SECRET=${PLANTED.secret}` },
    body: PLANTED.command,
  };
  writeFileSync(logFile, `${JSON.stringify(line)}\ngot ${token} and ${PLANTED.config}\nthe end\n`);

  const folder = mkdtempSync(join(edge().disk, 'support-'));
  const packed = await pack(edge(), folder, '--data-dir', dataDir(edge()), ...SOCKET);
  expect(packed.mode).toBe(0o600);
  expect(packed.name).toMatch(/^skerry-support-edge-1-\d{8}T\d{6}Z\.tar\.gz$/);
  expect(packed.output).toMatch(/doctor\.json +what skerry doctor says\n.*Keys, tokens, .* are left out\.\nWritten to /s);
  const files = packed.files;
  for (const value of [...Object.values(PLANTED), token, ...secretsOnDisk(dataDir(edge()))])
    expect(files.text).not.toContain(value);
  expect(JSON.parse(files.file('doctor.json'))).toMatchObject({ healthy: expect.any(Boolean) });
  expect(JSON.parse(files.file('config.json'))).toMatchObject({
    server: world.lab.serverUrl,
    token: '[withheld]',
    'some-key': '[withheld]',
  });
  expect(files.file('ledger.json')).toMatch(/"name": "keeper"[^}]*"phase": "Running"/);
  expect(files.file('containers.json')).toMatch(/"FROM_SECRET"/);
  expect(files.file('log.txt')).toMatch(/run failed.*FROM_SECRET=\[withheld\].*\ngot \[withheld\] and \[withheld\]\nthe end\n$/s);
  expect(files.file('nft.txt')).toMatch(/table ip skerry/);
  // There is no systemd on a host of the lab.
  expect(files.file('errors.txt')).toMatch(/^units\.txt: /m);

  const server = world.lab.server;
  const ofServer = await pack(server, mkdtempSync(join(server.disk, 'support-')), '--data-dir', dataDir(server), ...SOCKET);
  const secrets = [...Object.values(PLANTED), token, ...secretsOnDisk(dataDir(server))];
  for (const value of secrets) expect(ofServer.files.text).not.toContain(value);
  expect(ofServer.files.file('server.json')).toMatch(/"nodes":.*"edge-1".*"keeper"/s);
  expect(ofServer.files.file('errors.txt')).toMatch(/^engine\.json: ask the container engine/m);
  await world.kubectl('get', 'pods');
});

async function pack(host: Host, folder: string, ...flags: readonly string[]) {
  const words = [PROGRAM, 'support', ...flags].map((word) => `'${word}'`).join(' ');
  const output = await host.exec('/bin/sh', '-c', `cd '${folder}' && ${words} 2>/dev/null`);
  const [name = '', ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  const archive = join(folder, name);
  const mode = statSync(archive).mode & 0o777;
  const text = gunzipSync(readFileSync(archive)).toString('utf8');
  await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1']);
  const files = { text, file: (part: string) => readFileSync(join(folder, part), 'utf8') };
  rmSync(archive);
  return { output, name, mode, files };
}

/** The middles of every key and kubeconfig that the machine keeps. */
function secretsOnDisk(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(\.key|kubeconfig|ticket[^/]*)$/.test(name),
  );
  expect(files.length).toBeGreaterThan(0);
  return files.flatMap((name) =>
    readFileSync(join(folder, name), 'latin1')
      .split('\n')
      .map((line) => line.trim().split(' ').at(-1) ?? '')
      .filter((line) => line.length > 40)
      .map((line) => line.slice(8, 40)),
  );
}
