import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { boot } from '../support/booted-root.ts';
import { createRoot } from '../support/root.ts';
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
    const report = await waitFor('both to have failed', async () => {
      const seen = await doctor();
      return /docker\.service has failed/.test(told(seen, 'engine')) && /it says/.test(told(seen, 'service')) ? seen : undefined;
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

/** One in every place that may hold a secret; each as nothing else on the machine is. */
const canary = (place: string) => `Canary-${place}-7261`;
const PLACES = (
  'secret registry config-map variable argument no-program annotation settings settings-login log-body log-url log-line proxy service-proxy ' +
  'docker-login kubeconfig process alias mount journal journal-cut journal-systemd kernel kernel-audit password/with@signs'
).split(' ');

/** Programs of a machine with systemd, which a host of the lab is not, in the places of its own. */
async function standIn(host: Host, program: string, output: string): Promise<void> {
  const [script, text] = [join(host.disk, `${program}.sh`), join(host.disk, `${program}.txt`)];
  writeFileSync(text, output);
  writeFileSync(script, `#!/bin/sh\ncat ${text}\n`, { mode: 0o755 });
  await host.exec('mount', '--bind', script, `/usr/bin/${program}`);
}

async function plant(host: Host, token: string, servicePid: string): Promise<void> {
  const registry = { username: 'deployer', password: canary('registry'), auth: btoa(`deployer:${canary('registry')}`) };
  const metadata = (name: string) => ({ name, namespace: 'default', annotations: { note: canary('annotation') } });
  const dockerConfig = JSON.stringify({ auths: { 'registry.example': registry } });
  await world.create(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('s'),
      stringData: { password: canary('secret'), odd: canary('password/with@signs') },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('pull'),
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': dockerConfig },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('c'), data: { 'app.conf': `db.url = ${canary('config-map')}\n` } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata('keeper'),
      spec: {
        imagePullSecrets: [{ name: 'pull' }],
        containers: [
          {
            name: 'app',
            image: 'demo/web:1',
            env: [
              { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } },
              { name: 'FROM_CONFIG', valueFrom: { configMapKeyRef: { name: 'c', key: 'app.conf' } } },
              { name: 'LITERAL', value: canary('variable') },
            ],
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata('broken'),
      spec: {
        containers: [{ name: 'app', image: 'demo/web:1', command: [`/${canary('no-program')}`], args: [canary('argument')] }],
      },
    },
  );
  await world.kubectl('wait', 'pod/keeper', '--for=condition=Ready', '--timeout=60s');
  const [home, work] = [join(host.disk, 'root-upper'), join(host.disk, 'root-work')];
  for (const folder of [work, join(home, '.docker'), join(home, '.kube')]) mkdirSync(folder, { recursive: true });
  const login = { auths: { 'registry.example': { auth: btoa(`me:${canary('docker-login')}`) } } };
  writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify(login));
  writeFileSync(join(home, '.kube', 'config'), `users:\n- name: me\n  user:\n    token: ${canary('kubeconfig')}\n`);
  // Beside what is there: this checkout may be.
  await host.exec('mount', '-t', 'overlay', 'home', '-o', `lowerdir=/root,upperdir=${home},workdir=${work}`, '/root');
  await host.exec('mkdir', '-p', '/mnt/dav', '/etc/skerry');
  await host.exec('mount', '-t', 'tmpfs', `https://me:${canary('mount')}@dav.example/x`, '/mnt/dav');
  await host.exec('ip', 'link', 'add', 'canary0', 'type', 'veth', 'peer', 'name', 'canary1');
  await host.exec('ip', 'link', 'set', 'canary0', 'alias', canary('alias'));

  const told = [
    `FROM_SECRET=${canary('secret')}, odd ${canary('password/with@signs')} and ${encodeURIComponent(canary('password/with@signs'))}`,
    `GET https://me:${canary('log-url')}@registry.example/v2/: 401; logins ${canary('docker-login')} ${canary('registry')} ${canary('kubeconfig')}`,
    `proxies ${canary('proxy')} ${canary('service-proxy')}; ${canary('config-map')} ${canary('argument')} ${canary('settings')}`,
  ];
  const line = (more: object) => JSON.stringify({ level: 'warn', msg: 'run failed', body: canary('log-body'), ...more });
  const lines = told.map((message) => line({ err: { code: 'X', message } }));
  const logFile = join(host.disk, 'skerry.log');
  writeFileSync(
    logFile,
    `${lines.join('\n')}\n${line({ why: `got ${token}` })}\nplain ${canary('log-line')}\n${line({ node: 'the-end' })}\n`,
  );
  writeFileSync(
    join(host.disk, 'etc-upper', 'skerry', 'config.yaml'),
    `server: https://me:${canary('settings-login')}@hub\ntoken: ${token}\nlog-file: ${logFile}\nsome-key: ${canary('settings')}\n`,
  );
  const entry = (MESSAGE: string, more: object = {}) =>
    JSON.stringify({ MESSAGE, __REALTIME_TIMESTAMP: '1795000000000000', SYSLOG_IDENTIFIER: 'skerry-agent', ...more });
  const journal = [
    ...lines.map((text) => entry(text, { _CMDLINE: canary('process') })),
    entry(`a line with ${canary('journal')}`),
    entry('{"msg":"a long one","body":"', { _LINE_BREAK: 'line-max' }),
    entry(`skerry: ${canary('journal-cut')}`),
    entry(`/etc/x.conf:1: Invalid environment assignment, ignoring: ${canary('journal-systemd')}`, {
      SYSLOG_IDENTIFIER: 'systemd',
    }),
    entry('Started Skerry.', { SYSLOG_IDENTIFIER: 'systemd' }),
  ];
  await standIn(host, 'journalctl', journal.join('\n'));
  await standIn(
    host,
    'dmesg',
    `Kernel command line: pw=${canary('kernel')}\n[ 1] audit: type=1327 proctitle="${canary('kernel-audit')}"\nOOM\n`,
  );
  await standIn(host, 'systemctl', `Id=skerry-agent.service\nMainPID=${servicePid}\n`);
}

test('a support file tells what is needed, and holds no secret, wherever one stands', async () => {
  const host = edge();
  const [token, later] = [await world.lab.createToken(), await world.lab.createToken()];
  const pidFile = join(host.disk, 'service.pid');
  const script = `echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; sleep 600; :`;
  const variable = `HTTPS_PROXY=http://me:${canary('service-proxy')}@proxy:1`;
  const service = host.launch('service', ['env', variable, 'busybox', 'sh', '-c', script, canary('process')]);
  await waitFor('the service', () => (existsSync(pidFile) ? true : undefined));
  await plant(host, token, readFileSync(pidFile, 'utf8').trim());
  const asked = ['--config', '/etc/skerry/config.yaml', '--data-dir', dataDir(host), ...SOCKET];
  const environment = { HTTPS_PROXY: `http://me:${canary('proxy')}@127.0.0.1:9` };
  const secretsOf = (machine: Host) => [...PLACES.map(canary), token, later, ...secretsOnDisk(dataDir(machine))];
  const isClean = (text: string, machine: Host) => {
    const found = secretsOf(machine).flatMap((secret) => [secret, btoa(secret)].filter((form) => text.includes(form)));
    expect(found).toEqual([]);
  };

  const packed = await pack(host, environment, ...asked);
  expect(packed.mode).toBe(0o600);
  expect(packed.name).toMatch(/^skerry-support-edge-1-\d{8}T\d{6}Z\.tar\.gz$/);
  expect(packed.output).toMatch(/doctor\.json +what skerry doctor says\n.*Keys, tokens, .* are left out\.\nWritten to /s);
  const { text, file } = packed.files;
  isClean(text + packed.output, host);
  expect(JSON.parse(file('doctor.json'))).toMatchObject({ healthy: false });
  expect(file('doctor.json')).toMatch(/config\.yaml:1: server: it has a wrong value/);
  expect(JSON.parse(file('config.json'))).toMatchObject({
    token: '[withheld]',
    'some-key': '[withheld]',
    'log-file': expect.any(String),
  });
  expect(file('ledger.json')).toMatch(/"name": "keeper"[^}]*"phase": "Running"/);
  expect(file('containers.json')).toMatch(/"FROM_SECRET"/);
  expect(file('containers.json')).toMatch(/"Error": ".*\[withheld\]/);
  expect(file('log.txt')).toMatch(
    /run failed.*FROM_SECRET=\[withheld\].*got \[withheld\].*\n\(a line of another hand\)\n.*the-end/s,
  );
  expect(file('journal.txt')).toMatch(/FROM_SECRET=\[withheld\].*\(a line that is cut\)\n.*Started Skerry\.\n$/s);
  expect(file('kernel.txt')).toBe('OOM\n');
  expect(file('units.txt')).toMatch(/^MainPID=\d+$/m);
  expect(file('nft.txt')).toMatch(/table ip skerry/);
  expect(file('addresses.json')).toMatch(/"ifname": "canary0"/);
  expect(readdirSync(dataDir(host))).not.toContain('.support');

  // A file of settings that is no YAML may be anything.
  writeFileSync(
    join(host.disk, 'etc-upper', 'skerry', 'config.yaml'),
    `data-dir: /d\n] ${later}\npassword: "${canary('settings')}\n`,
  );
  const broken = await pack(host, environment, ...asked);
  isClean(broken.files.text, host);
  expect(broken.files.file('config.json')).toMatch(/"unreadable": "config\.yaml:2:1"/);
  await host.end(service, 'SIGKILL');

  const { server } = world.lab;
  const ofServer = await pack(server, {}, '--data-dir', dataDir(server), ...SOCKET);
  isClean(ofServer.files.text, server);
  expect(ofServer.files.file('server.json')).toMatch(/"nodes":.*"edge-1".*"keeper"/s);
  expect(ofServer.files.file('errors.txt')).toMatch(/^engine\.json: ask the container engine/m);
  await world.kubectl('get', 'pods');
});

async function pack(host: Host, environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  const folder = mkdtempSync(join(host.disk, 'support-'));
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = ['env', ...variables, PROGRAM, 'support', ...flags].map((word) => `'${word}'`).join(' ');
  const output = await host.exec('/bin/sh', '-c', `cd '${folder}' && ${words} 2>&1`);
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
