import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { end, start, tryRun, waitFor, type Output } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';
import { kubectl } from '../support/kubectl.ts';

/** skerry get, create, delete, logs and completion at a real server with a node, beside stock kubectl 1.36: the same words, the same bytes. */

let world: LabWorld;
let work: string;
const env = () => ({ PATH: `${work}/bin:${process.env['PATH'] ?? ''}`, HOME: work, KUBECONFIG: world.lab.kubeconfig });

beforeAll(async () => {
  work = mkdtempSync('/var/tmp/skerry-line-');
  mkdirSync(join(work, 'bin'));
  symlinkSync(PROGRAM, join(work, 'bin/skerry'));
  world = await startLabWorld(1);
  await world.join(firstNode(world));
  await world.create(deployment('web', 2), settings(), talker(), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  });
  await world.kubectl('wait', '--for=condition=Ready', 'pod/talk', '--timeout=60s');
  await world.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
});

afterAll(async () => {
  await world.lab.remove();
  rmSync(work, { recursive: true, force: true });
});

/** A ConfigMap with what YAML has to quote in all its ways. */
function settings(): object {
  const texts = [
    '',
    'yes',
    '012',
    '1e3',
    '1:30',
    'a: b',
    'a #b',
    '- a',
    '*a',
    "it's",
    '"',
    ' a',
    'a\nb\n',
    'a\nb',
    '\n',
    'a \nb',
    ' a\nb',
    '\t',
    'é',
    '<&>',
    '2020-01-01',
    '~',
    '{',
    '😀',
  ];
  const data = Object.fromEntries(texts.map((text, at) => [`k${at}`, text]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default', labels: { a: '1' } }, data };
}

function talker(): object {
  const command = ['sh', '-c', 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done'];
  const containers = [
    { name: 'talk', image: 'demo/web:1', command },
    { name: 'other', image: 'demo/web:1' },
  ];
  const spec = { terminationGracePeriodSeconds: 1, containers };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'talk', namespace: 'default' }, spec };
}

const skerry = (argv: readonly string[], input = ''): Promise<Output> => tryRun(PROGRAM, argv, { env: env(), input });
const theirs = (argv: readonly string[], input = ''): Promise<Output> =>
  tryRun(kubectl('1.36'), ['--cache-dir', join(work, 'cache'), ...argv], { env: env(), input });

/** Ages and resource versions move on, so both are asked until they say the same, or never do. */
async function checkSame(line: string): Promise<void> {
  const argv = line.split(' ');
  let last: readonly Output[] = [];
  await waitFor(
    `the same answer to ${line}`,
    async () => {
      last = await Promise.all([skerry(argv), theirs(argv)]);
      const [ours, known] = last.map(({ stdout, stderr, code }) => ({ stdout, stderr, failed: code !== 0 }));
      return JSON.stringify(ours) === JSON.stringify(known) || undefined;
    },
    10_000,
  ).catch(() => expect(last[0]).toEqual(last[1]));
}

test.each([
  'get pods',
  'get po -A -o wide',
  'get nodes -o wide',
  'get ns,nodes',
  'get all',
  'get all -A -o wide',
  'get deploy/web svc/web',
  'get pods none talk',
  'get deploy,svc web',
  'get pods --show-labels --no-headers',
  'get pods -L app,a -A',
  'get pods -l app=web -o name',
  'get pods -l app=none',
  'get secrets -n kube-node-lease',
  'get deploy,rs -o name',
  'get cm settings -o yaml',
  'get cm settings -o json',
  'get deploy web -o yaml --show-managed-fields',
  'get deploy web -o json',
  'get svc,cm -o yaml',
  'get cm -l a=2 -o json',
  'get cm -w -o name --request-timeout=2s',
  'get cm settings -o name --request-timeout=20',
  'get pods --field-selector=status.phase=Failed',
  'get replicasets.v1.apps --sort-by=.metadata.name',
  'get pod none --ignore-not-found',
  'get pod none',
  'get pod talk none -o yaml',
  'delete cm settings --dry-run=server',
  'delete pods,deploy -l app=web --dry-run=server',
  'delete cm -l a=2',
  'delete cm -l a=2 --wait=false --field-selector=',
  'delete cm settings --selector= --dry-run=server',
  'delete --wait --cascade cm nosuch',
  'delete ns default -n kube-system --dry-run=server',
  'get cm -n=kube-node-lease -o=name',
  '-n kube-node-lease get cm -o name',
  'get cm -A=true -l=a --all-namespaces=false --no-headers=true -o=json',
  'logs talk -c other',
  'logs -l app=none',
  'logs -l app=web --prefix',
  'logs talk -c other --selector=',
])('skerry %s, as kubectl', async (line) => {
  await checkSame(line);
});

test('an empty selector names nothing to delete, as no selector does', async () => {
  for (const line of ['delete cm -l', 'delete cm --field-selector'])
    expect(await skerry([...line.split(' '), ''])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('resource(s) were provided, but no name was specified'),
    });
});

test('what is refused is told in words that users of kubectl know, and a type that is not there, too', async () => {
  expect(await skerry(['get', 'pod', 'none'])).toMatchObject({
    code: 4,
    stderr: 'Error from server (NotFound): pods "none" not found\n',
  });
  expect(await skerry(['get', 'nosuch'])).toMatchObject({
    code: 4,
    stderr: 'skerry: the server doesn\'t have a resource type "nosuch"\n',
  });
});

test('where a kubeconfig names no authority, those of the machine are trusted, as by kubectl', async () => {
  const [line = '', ca = ''] = /^ *certificate-authority-data: (.*)\n/m.exec(readFileSync(world.lab.kubeconfig, 'utf8')) ?? [];
  const [KUBECONFIG, SSL_CERT_FILE] = [join(work, 'no-authority.kubeconfig'), join(work, 'authorities.pem')];
  writeFileSync(KUBECONFIG, readFileSync(world.lab.kubeconfig, 'utf8').replace(line, ''));
  writeFileSync(SSL_CERT_FILE, Buffer.from(ca, 'base64'));
  for (const program of [PROGRAM, kubectl('1.36')]) {
    const { code } = await tryRun(program, ['get', 'ns'], { env: { ...env(), KUBECONFIG, SSL_CERT_FILE } });
    expect(code).toBe(0);
    const refused = await tryRun(program, ['get', 'ns'], { env: { ...env(), KUBECONFIG } });
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining('certificate')]);
  }
});

test('get -w shows rows as they come, lists again after the server was away, and ends quietly', async () => {
  const said = { stdout: '', stderr: '' };
  const watch = start(PROGRAM, ['get', 'cm', '-w', '--output-watch-events', '-l', 'watched=yes'], {
    env: env(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  watch.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  watch.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const make = (name: string) =>
    world.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels: { watched: 'yes' } } });
  await make('one');
  await waitFor('the first row', () => /^EVENT +NAME +DATA +AGE\nADDED +one +0 /.test(said.stdout) || undefined);
  await world.lab.stopServer();
  await waitFor('the cut to be told', () => said.stderr.includes('skerry: the watch was cut, and is tried again: ') || undefined);
  await world.lab.startServer();
  await make('two');
  await waitFor('the row of later', () => /ADDED +two /.test(said.stdout) || undefined);
  await world.kubectl('delete', 'cm', 'one');
  await waitFor('the row of the deletion', () => /DELETED +one /.test(said.stdout) || undefined);
  expect(said.stdout.match(/ one /g)).toHaveLength(2);
  const { stderr } = said;
  await end(watch, 'SIGINT');
  expect([watch.signalCode, said.stderr]).toEqual(['SIGINT', stderr]);
  await world.kubectl('delete', 'cm', 'two');
});

test('create from files, folders, lists and standard input; delete by the same, and wait until it is gone', async () => {
  const folder = join(work, 'manifests');
  mkdirSync(folder);
  const map = (name: string, more = '') => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${more}}\n`;
  writeFileSync(join(folder, 'a.yaml'), `${map('a')}---\n# nothing\n---\n${map('b')}`);
  writeFileSync(
    join(folder, 'c.json'),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [settings(), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }],
    }),
  );
  writeFileSync(join(folder, 'ignored.txt'), 'no object');
  const created = await skerry(['create', '-f', folder]);
  expect(created.stdout).toBe('configmap/a created\nconfigmap/b created\nconfigmap/c created\n');
  expect([created.code, created.stderr]).toEqual([
    5,
    `Error from server (AlreadyExists): error when creating "${join(folder, 'c.json')}": configmaps "settings" already exists\n`,
  ]);
  expect(await skerry(['create', '-f', '-', '--dry-run=server', '-o', 'name'], map('d'))).toMatchObject({
    code: 0,
    stdout: 'configmap/d\n',
  });
  const elsewhere = await skerry(['create', '-f', '-', '-n', 'default'], map('d', ', namespace: kube-system'));
  expect(elsewhere.stderr).toContain("You must pass '--namespace=kube-system'");
  const unknown = await skerry(['create', '-f', '-'], map('d').replace('metadata', 'dato: {}\nmetadata'));
  expect(unknown.stderr).toMatch(/Error from server \(BadRequest\): error when creating "STDIN": .*unknown field "dato"/);

  // Each would be the path of something larger: all ConfigMaps, or the namespace.
  const nameless = await skerry(['delete', '-f', '-'], map('d').replace('name:', 'generateName:'));
  expect([nameless.stdout, nameless.stderr]).toEqual(['', expect.stringContaining('resource name may not be empty')]);
  expect((await skerry(['delete', 'cm', '..', '-n', 'kube-node-lease'])).stderr).toContain('invalid resource name ".."');
  expect((await skerry(['get', 'cm', 'settings'])).code).toBe(0);

  expect((await skerry(['delete', '-f', join(folder, 'a.yaml')])).stdout).toBe(
    'configmap "a" deleted from default namespace\nconfigmap "b" deleted from default namespace\n',
  );
  expect(await skerry(['delete', 'cm', 'c', 'a'])).toMatchObject({
    code: 4,
    stdout: 'configmap "c" deleted from default namespace\n',
    stderr: 'Error from server (NotFound): configmaps "a" not found\n',
  });
  await skerry(['create', '-f', '-'], JSON.stringify({ ...talker(), metadata: { name: 'brief' } }));
  await world.kubectl('wait', '--for=condition=Ready', 'pod/brief', '--timeout=60s');
  expect(await skerry(['delete', 'pod/brief', '--timeout', '1ms'])).toMatchObject({ code: 6 });
  expect(await skerry(['delete', 'pod', 'brief', '--ignore-not-found'])).toMatchObject({ code: 0 });
  expect((await skerry(['get', 'pod', 'brief'])).code).toBe(4);
});

test('logs of one container and of several, followed until the reader has enough', async () => {
  const tail = await skerry(['logs', 'talk', 'talk', '--tail', '2', '--timestamps']);
  expect(tail.stdout).toMatch(/^(\d{4}-\d\d-\d\dT\S+Z line \d+\n){2}$/);
  const both = await skerry(['logs', 'talk', '--all-containers', '--prefix', '--tail=1']);
  expect(both.stdout).toMatch(/^\[pod\/talk\/talk\] line \d+\n\[pod\/talk\/other\] web version 1 /);
  const chosen = await skerry(['logs', 'deploy/web', '--tail=1']);
  expect(chosen.stderr).toMatch(/^Found 2 pods, using pod\/web-/);
  const followed = await tryRun('bash', ['-o', 'pipefail', '-c', 'skerry logs -f talk -c talk --tail 1 | head -n 5'], {
    env: env(),
  });
  expect([followed.code, followed.stdout.trim().split('\n').length, followed.stderr]).toEqual([0, 5, '']);
});

test.each([
  ['skerry ge', 'get'],
  ['skerry get node', 'nodes'],
  ['skerry get pods tal', 'talk'],
  ['skerry delete -n kube-no', 'kube-node-lease'],
  ['skerry get -o ya', 'yaml'],
  ['skerry logs talk -c oth', 'other'],
  ['skerry get deploy/w', 'deploy/web'],
  ['skerry token create --us', '--uses'],
])('bash completes "%s" to "%s"', async (line, expected) => {
  const words = line
    .split(' ')
    .map((word) => `'${word}'`)
    .join(' ');
  const script = `source <(skerry completion bash); COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _skerry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await tryRun('bash', ['-c', script], { env: env() });
  expect([stdout.split('\n').filter((word) => word.startsWith(line.split(' ').at(-1) ?? '')), stderr]).toEqual([
    expect.arrayContaining([expected]),
    '',
  ]);
});

/** What an interactive zsh makes of tab: its line editor leaves the line in a file. */
const ZSHRC = `
unset zle_bracketed_paste
autoload -Uz compinit && compinit -D -u
source <(skerry completion zsh)
keep() { print -rn -- "$BUFFER" > $ZDOTDIR/line; print DONE; exit }
zle -N keep
bindkey '^X' keep
PS1='READY'
`;
const AT_ZSH = `
zmodload zsh/zpty
zpty inner zsh -d -i
zpty -r inner said '*READY*'
zpty -w -n inner "$1"$'\\t\\x18'
zpty -r inner said '*DONE*'
`;

test.each([
  ['skerry get pods tal', 'skerry get pods talk '],
  ['skerry get -o ya', 'skerry get -o yaml '],
  ['skerry get --output=ya', 'skerry get --output=yaml '],
  ['skerry get -n=kube-no', 'skerry get -n=kube-node-lease '],
  ['skerry get deploy/w', 'skerry get deploy/web '],
  ['skerry logs depl', 'skerry logs deployment/'],
])('zsh completes "%s" to "%s"', async (line, expected) => {
  const ZDOTDIR = mkdtempSync(join(work, 'zsh-'));
  writeFileSync(join(ZDOTDIR, '.zshrc'), ZSHRC);
  writeFileSync(join(ZDOTDIR, 'at-zsh'), AT_ZSH);
  const { stderr } = await tryRun('timeout', ['20', 'zsh', '-f', join(ZDOTDIR, 'at-zsh'), line], {
    env: { ...env(), ZDOTDIR, TERM: 'dumb' },
  });
  expect([readFileSync(join(ZDOTDIR, 'line'), 'utf8'), stderr]).toEqual([expected, '']);
});
