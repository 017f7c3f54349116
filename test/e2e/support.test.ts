import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { SOCKET, dataDir, startEdgeWorld } from '../support/edge-world.ts';
import { firstNode, type LabWorld } from '../support/lab-world.ts';

/** `skerry support` on a node and a server with a secret in every place that may hold one. */
let world: LabWorld;
const edge = () => firstNode(world);

beforeAll(async () => {
  world = await startEdgeWorld();
});
afterAll(() => world?.lab.remove());

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
