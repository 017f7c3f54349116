import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { boot } from '../support/booted-root.ts';
import { SOCKET, dataDir, startEdgeWorld } from '../support/edge-world.ts';
import { createRoot } from '../support/root.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { firstNode, type LabWorld } from '../support/lab-world.ts';

/** `skerry doctor` on machines as they are: joined, a server's, with no engine, with one set badly, with a full disk. */
let world: LabWorld;
const edge = () => firstNode(world);

beforeAll(async () => {
  world = await startEdgeWorld();
});
afterAll(() => world?.lab.remove());

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

test('what no flag says it has from the settings; those that are no YAML are told, and stop nothing', async () => {
  const config = join(edge().disk, 'config.yaml');
  const settings = `data-dir: ${dataDir(edge())}\ndocker: unix:///run/docker.sock\nserver: https://127.0.0.1:1\n`;
  writeFileSync(config, settings, { mode: 0o600 });
  const report = await doctorOn(edge(), '--config', config);
  expect(told(report, 'settings')).toBe(`ok: ${config}: nothing is wrong → `);
  expect(told(report, 'node')).toMatch(/ok: node "edge-1"/);
  expect(told(report, 'engine')).toMatch(/^ok: Docker/);
  expect(told(report, 'server')).toMatch(/error: no connection to 127\.0\.0\.1:1: /);
  const named = await doctorOn(edge(), '--config', config, '--server', world.lab.serverUrl);
  expect(told(named, 'server')).toMatch(/ok: .* with the key that was pinned/);
  expect(named.code).toBe(0);
  writeFileSync(config, `${settings}labels {}\n`);
  const broken = await doctorOn(edge(), '--config', config, '--data-dir', dataDir(edge()));
  expect(told(broken, 'settings')).toBe(
    `error: ${config}:4:1: something is missing: expected ": " behind a key, a space before "#", or the closing quote → No service starts with it. Mend it; then: skerry config check --config ${config}`,
  );
  expect(told(broken, 'node')).toMatch(/ok: node "edge-1"/);
  expect(broken.code).toBe(1);
});

test('a small disk that is full: too little room, memory for a disk, and nothing can be written', async () => {
  const small = join(edge().disk, 'small');
  await edge().exec('mkdir', '-p', small);
  await edge().exec('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small);
  await edge().exec('/bin/sh', '-c', `dd if=/dev/zero of=${small}/filling bs=4096 2>/dev/null || true`);
  const report = await doctorOn(edge(), '--data-dir', small, ...SOCKET);
  expect(told(report, 'disk')).toMatch(/error: .*only 0 KB of 8 MB free; 32 MB are needed.*warning: .*tmpfs: it is memory/s);
  expect(told(report, 'disk-speed')).toMatch(/error: .*takes no more/);
  expect(report.code).toBe(1);
  await edge().exec('umount', small);
});

test('services that systemd starts for ever, or has given up: why, in their own words of their last run', async () => {
  const root = await createRoot('booted');
  const unit = (name: string, start: string, more: string) =>
    writeFileSync(
      join(root.folder, 'etc/systemd/system', name),
      `[Unit]\n${more}\n[Service]\nExecStart=${start}\nRestart=always\n`,
    );
  unit('skerry-agent.service', '/dist/skerry agent --server https://127.0.0.1:1', 'StartLimitIntervalSec=0');
  unit('docker.service', "/bin/sh -c 'echo failed to start daemon: no space left on device >&2; exit 1'", 'StartLimitBurst=3');
  writeFileSync(join(root.folder, 'usr/bin/dockerd'), '');
  mkdirSync(join(root.folder, 'var/lib/docker'));
  mkdirSync(join(root.folder, 'dist'));
  const dist = join(edge().disk, 'dist');
  mkdirSync(dist);
  copyFileSync(PROGRAM, join(dist, 'skerry'));
  const machine = await boot(root, { '/dist': dist });
  const doctor = async () => {
    const { code, stdout } = await machine.run('/dist/skerry', 'doctor', '-o', 'json');
    return parse(stdout, code);
  };
  try {
    await machine.run('systemctl', 'start', '--no-block', 'docker', 'skerry-agent');
    const report = await waitFor('both to have failed, and said why', async () => {
      const seen = await doctor();
      // The journal has their words a moment later.
      return /docker\.service has failed .*it says/.test(told(seen, 'engine')) && /it says/.test(told(seen, 'service'))
        ? seen
        : undefined;
    });
    expect(told(report, 'engine')).toMatch(
      /^error: .*docker\.service has failed \(exit-code\); it says: failed to start daemon: no space left on device → .*reset-failed/s,
    );
    expect(told(report, 'disk')).toMatch(/\/var\/lib\/docker \(images and containers\)/);
    expect(told(report, 'service')).toMatch(/^(error|warning): skerry-agent\.service .*it says: .*token/);
  } finally {
    await machine.cut();
    root.remove();
  }
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
