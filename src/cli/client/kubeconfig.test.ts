import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { explain } from '#lib/error.ts';
import { systemIds as ids } from '#lib/ids.ts';
import { createCa, newKey } from '#net/tls/certificates.ts';
import { findConnection, readKubeconfig, type Where } from './find-connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const key = newKey();
const certificate = await createCa('test', key, { nowMs: Date.UTC(2027, 0, 1), ids });
const GOOD = `
current-context: c
contexts: [{name: c, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: ${base64(certificate)}}}]
users: [{name: me, user: {client-certificate-data: ${base64(certificate)}, client-key-data: ${base64(key)}}}]
`;

let files = 0;
function fileWith(text: string, name = `config-${(files += 1)}`): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const find = (where: Partial<Where>, environment: Record<string, string> = {}, home = '/nowhere') =>
  findConnection({ dataDir: '/nowhere', ...where }, { environment, homedir: () => home });

const failure = async (promise: Promise<unknown>) => {
  try {
    return await promise;
  } catch (error) {
    return explain(error);
  }
};

test('what the current context names is taken', async () => {
  expect(await find({ kubeconfig: fileWith(GOOD) })).toEqual({
    server: 'https://127.0.0.1:6443',
    namespace: 'default',
    insecure: false,
    ca: certificate,
    credentials: { certificate, key },
    impersonation: {},
  });
});

test.each([
  ['no YAML', () => '{', /it is no YAML: .*yaml/],
  ['a text', () => 'hello', /it is no kubeconfig/],
  ['a list for a map', () => GOOD.replace(/cluster: \{server[^}]*\}/, 'cluster: []'), /cluster of "here" is no map/],
  ['no name', () => GOOD.replace('{name: me, ', '{'), /users has an entry without a name/],
  ['a name twice', () => GOOD.replace('users: [', 'users: [{name: me, user: {token: t}}, '), /users has two entries named "me"/],
  ['nothing', () => '', /current-context is not set: give --context/],
  [
    'a context that is not there',
    () => GOOD.replace('current-context: c', 'current-context: d'),
    /contexts has no entry named "d" \(contexts: c\)/,
  ],
  ['a user that is not there', () => GOOD.replace('user: me', 'user: you'), /users has no entry named "you"/],
  ['no key', () => GOOD.replace(/, client-key-data: [^}]*/, ''), /client-key-data is missing/],
  ['a key that is cut', () => GOOD.replace(base64(key), base64(key).slice(0, 40)), /client-key-data is no private key/],
  [
    'a key for a certificate',
    () => GOOD.replace(base64(certificate), base64(key)),
    /certificate-authority-data is no certificate/,
  ],
  ['another scheme', () => GOOD.replace('https:', 'ftp:'), /server is no https URL: "ftp:\/\/127.0.0.1:6443"/],
  [
    'a proxy of another kind',
    () => GOOD.replace('{server', '{proxy-url: "socks5://p:1", server'),
    /use the proxy of proxy-url: it is socks5/,
  ],
  [
    'an authority that is not to be looked at',
    () => GOOD.replace('{server', '{insecure-skip-tls-verify: true, server'),
    /exclude/,
  ],
  [
    'a file that is not there',
    () => GOOD.replace(/client-key-data: [^}]*/, 'client-key: none.key'),
    /client-key can not be read: ENOENT/,
  ],
  ['an old provider', () => GOOD.replace('{client-c', '{auth-provider: {name: gcp}, client-c'), /has an auth-provider/],
  ['two ways at once', () => GOOD.replace('{client-c', '{token: t, username: u, client-c'), /both a token and a username/],
  [
    'an old plugin',
    () => GOOD.replace('{client-c', '{exec: {apiVersion: a/v1alpha1}, client-c'),
    /exec of user "me": apiVersion/,
  ],
])('refused with the file and what is wrong in it: %s', async (_, text, why) => {
  const file = fileWith(text());
  const told = await failure(find({ kubeconfig: file }));
  expect(told).toContain(`read ${file}: `);
  expect(told).toMatch(why);
});

test('a file that is not there, or can not be read', async () => {
  await expect(readKubeconfig(join(folder, 'none'), 'hint')).rejects.toMatchObject({ code: 'NotFound' });
  await expect(find({ kubeconfig: join(folder, 'none') })).rejects.toMatchObject({ code: 'NotFound' });
  mkdirSync(join(folder, 'folder'));
  await expect(readKubeconfig(join(folder, 'folder'))).rejects.toMatchObject({ code: 'Forbidden' });
});

const simple = (name: string, server: string, more = '') => `
contexts: [{name: ${name}, context: {cluster: ${name}, user: ${name}, namespace: of-${name}}}]
clusters: [{name: ${name}, cluster: {server: "${server}"}}]
users: [{name: ${name}, user: {token: ${name}}}]
${more}`;

test('of several files the first that names something has the word on it; missing ones are passed over', async () => {
  const first = fileWith(simple('a', 'https://first:1'));
  const second = fileWith(
    `${simple('a', 'https://second:1', 'current-context: b\n')}`.replace(
      'contexts: [',
      'contexts: [{name: b, context: {cluster: a, user: a}}, ',
    ),
  );
  const KUBECONFIG = `${join(folder, 'none')}::${first}:${second}`;
  expect(await find({}, { KUBECONFIG })).toMatchObject({ server: 'https://first:1', namespace: 'default' });
  expect(await find({ context: 'a' }, { KUBECONFIG })).toMatchObject({ server: 'https://first:1', namespace: 'of-a' });
  expect(await find({ context: 'a', namespace: 'x' }, { KUBECONFIG })).toMatchObject({ namespace: 'x' });
  expect(await find({}, { KUBECONFIG: `${second}:${first}` })).toMatchObject({ server: 'https://second:1' });
  expect(await failure(find({ context: 'z' }, { KUBECONFIG }))).toContain('contexts has no entry named "z" (contexts: ');
});

test('the flag goes before $KUBECONFIG, that before the home, and what the server left comes last', async () => {
  const home = join(folder, 'home');
  mkdirSync(join(home, '.kube'), { recursive: true });
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const [flag, variable] = [
    fileWith(simple('f', 'https://flag:1', 'current-context: f')),
    fileWith(simple('v', 'https://var:1', 'current-context: v')),
  ];
  expect(await failure(find({ dataDir }, {}, home))).toBe(
    `find a server: there is no kubeconfig (looked at ${join(home, '.kube/config')}, ${join(dataDir, 'admin.kubeconfig')}): give one with --kubeconfig or $KUBECONFIG`,
  );
  writeFileSync(join(dataDir, 'admin.kubeconfig'), simple('own', 'https://own:1', 'current-context: own'));
  expect(await find({ dataDir }, {}, home)).toMatchObject({ server: 'https://own:1' });
  writeFileSync(join(home, '.kube/config'), simple('h', 'https://home:1', 'current-context: h'));
  expect(await find({ dataDir }, {}, home)).toMatchObject({ server: 'https://home:1' });
  expect(await find({ dataDir }, { KUBECONFIG: variable }, home)).toMatchObject({ server: 'https://var:1' });
  expect(await find({ dataDir, kubeconfig: flag }, { KUBECONFIG: variable }, home)).toMatchObject({
    server: 'https://flag:1',
    credentials: { token: 'f' },
  });
  // As kubectl: a choice that is empty is none.
  expect(await find({ dataDir, kubeconfig: '', context: '', cluster: '', user: '', namespace: '' }, {}, home)).toMatchObject({
    server: 'https://home:1',
    namespace: 'of-h',
  });
});

test('a $KUBECONFIG that leads nowhere is an error, and nobody else is asked', async () => {
  const home = join(folder, 'other-home');
  mkdirSync(join(home, '.kube'), { recursive: true });
  writeFileSync(join(home, '.kube/config'), simple('h', 'https://home:1', 'current-context: h'));
  const dataDir = join(folder, 'other-data');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'admin.kubeconfig'), simple('own', 'https://own:1', 'current-context: own'));
  const missing = join(folder, 'none');
  const [empty, other] = [fileWith(''), fileWith('apiVersion: v1\nkind: Pod\n')];
  for (const [variable, why] of [
    [missing, `${missing} does not exist`],
    [`${missing}:${empty}`, `${missing} does not exist, ${empty} names no cluster`],
    [other, `${other} names no cluster`],
    [':', 'names no file'],
  ])
    expect(await failure(find({ dataDir }, { KUBECONFIG: variable ?? '' }, home))).toBe(
      `find a server: $KUBECONFIG is "${variable}", and ${why}: correct it, or unset it`,
    );
  expect(await find({ dataDir }, { KUBECONFIG: '' }, home)).toMatchObject({ server: 'https://home:1' });
});

test('a plugin beside the kubeconfig, with the authority that a file holds; whoever has a token needs none', async () => {
  const home = join(folder, 'with-plugin');
  mkdirSync(home);
  writeFileSync(join(home, 'ca.crt'), certificate);
  const exec =
    '{apiVersion: client.authentication.k8s.io/v1, command: COMMAND, interactiveMode: Never, provideClusterInfo: true}';
  const withUser = (user: string) =>
    fileWith(
      GOOD.replace(/certificate-authority-data: [^}]*/, 'certificate-authority: ca.crt').replace(
        /user: \{client-c[^}]*\}/,
        `user: {exec: ${exec}${user}}`,
      ),
      'with-plugin/config',
    );
  const pluginOf = async (command: string) =>
    (await find({ kubeconfig: fileWith(readFileSync(withUser(''), 'utf8').replace('COMMAND', command), 'with-plugin/config') }))
      .credentials.plugin;
  expect(await pluginOf('./bin/plug')).toMatchObject({
    command: join(home, 'bin/plug'),
    cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': base64(certificate) },
  });
  expect(await pluginOf('bin/plug')).toMatchObject({ command: join(home, 'bin/plug') });
  expect(await pluginOf('/opt/plug')).toMatchObject({ command: '/opt/plug' });
  expect(await pluginOf('plug')).toMatchObject({ command: 'plug' });
  for (const [user, credentials] of [
    [', token: t', { token: 't' }],
    [', tokenFile: t', { tokenFile: join(home, 't') }],
    [', username: u, password: p', { basic: 'u:p' }],
    [`, client-certificate-data: ${base64(certificate)}, client-key-data: ${base64(key)}`, { certificate, key }],
  ] as const)
    expect((await find({ kubeconfig: withUser(user) })).credentials).toEqual(credentials);
});

test('files are named relative to the kubeconfig that names them', async () => {
  const home = join(folder, 'relative');
  mkdirSync(join(home, 'pki'), { recursive: true });
  for (const [name, text] of [
    ['ca.crt', certificate],
    ['me.crt', certificate],
    ['me.key', key],
  ] as const)
    writeFileSync(join(home, 'pki', name), text);
  const file = join(home, 'config');
  writeFileSync(
    file,
    `apiVersion: v1
current-context: c
contexts:
- name: c
  context:
    cluster: here
    user: me
clusters:
- name: here
  cluster:
    server: https://127.0.0.1:6443/prefix/
    certificate-authority: pki/ca.crt
    tls-server-name: other.example
    proxy-url: http://proxy:3128
users:
- name: me
  user:
    client-certificate: pki/me.crt
    client-key: ./pki/me.key
    tokenFile: token
    as: jane
    as-groups:
    - a
`,
  );
  expect(await find({ kubeconfig: file })).toEqual({
    server: 'https://127.0.0.1:6443/prefix',
    namespace: 'default',
    insecure: false,
    ca: certificate,
    serverName: 'other.example',
    proxy: { host: 'proxy', port: 3128, isTls: false },
    credentials: { certificate, key, tokenFile: join(home, 'token') },
    impersonation: { 'impersonate-user': 'jane', 'impersonate-group': ['a'] },
  });
});
