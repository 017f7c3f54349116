import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cliContext } from '../../test/support/cli-context.ts';
import { configKeys } from './config-keys.ts';
import { configure } from './configure.ts';
import type { AgentFlags, Context } from './context.ts';
import { doctorCommand } from './doctor.ts';
import type { MachineFlags } from './machine-options.ts';
import { runProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'configure-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'config.yaml');

async function run(line: string, config: string, environment: Context['environment'] = {}) {
  writeFileSync(file, config, { mode: 0o600 });
  const { context, given, said } = cliContext({ environment: { SKERRY_CONFIG: file, ...environment } });
  const code = await runProgram(line.split(' '), context);
  return { code, output: said.output.replaceAll(file, 'F'), given };
}

const checkFlags = async (line: string, config: string, environment: Context['environment'], expected: object) =>
  expect(await run(line, config, environment), line).toMatchObject({ code: 0, output: '', given: [expected] });

test('a flag goes before the environment, that before the file, that before the default', async () => {
  const config = 'data-dir: /f\nlog-level: debug\nlisten: 127.0.0.1:1\n';
  const environment = { SKERRY_DATA_DIR: '/e', SKERRY_LOG_LEVEL: '', SKERRY_LISTEN: ':2' };
  await checkFlags('server --listen :3', config, environment, {
    dataDir: '/e',
    logLevel: 'debug',
    listen: { host: '0.0.0.0', port: 3 },
    docker: '/var/run/docker.sock',
  });
});

test('every kind of value, through the parsers of the flags', async () => {
  const config = `labels: { site: harbour, version: 1.10 }
capacity: cpu=2,memory=512Mi
no-agent: true
tls-san:
- Api.Example.com
- 2001:0db8::7
docker: unix:///run/podman.sock
node-ip: 192.0.2.7
keepalive: 240s
server: https://10.0.0.1:6443
token-file: /etc/skerry/token
`;
  await checkFlags(
    'server',
    config,
    {},
    {
      agent: false,
      tlsSan: ['api.example.com', '2001:db8::7'],
      labels: { site: 'harbour', version: '1.10' },
      capacity: { cpu: '2', memory: '512Mi' },
      docker: '/run/podman.sock',
      nodeIp: '192.0.2.7',
      unknownKeys: [],
    },
  );
  await checkFlags(
    'agent',
    config,
    { SKERRY_LABELS: 'a=b', SKERRY_NO_AGENT: 'no' },
    {
      server: 'https://10.0.0.1:6443',
      tokenFile: '/etc/skerry/token',
      keepaliveMs: 240_000,
      labels: { a: 'b' },
    },
  );
  await checkFlags(
    'server --tls-san a --tls-san b,c',
    config,
    { SKERRY_NO_AGENT: 'false' },
    {
      agent: true,
      tlsSan: ['a', 'b', 'c'],
    },
  );
});

test('of a token and a file with one, the one that was said in the stronger place counts', async () => {
  const voucherOf = async (line: string, config: string, environment: Context['environment'] = {}) => {
    const [flags] = (await run(line, config, environment)).given as readonly AgentFlags[];
    return [flags?.token, flags?.tokenFile];
  };
  expect(await voucherOf('agent', 'token-file: /f\n')).toEqual([undefined, '/f']);
  expect(await voucherOf('agent', 'token-file: /f\n', { SKERRY_TOKEN: 't' })).toEqual(['t', undefined]);
  expect(await voucherOf('agent --token t', 'token-file: /f\n')).toEqual(['t', undefined]);
  expect(await voucherOf('agent --token-file /g', 'token-file: /f\n', { SKERRY_TOKEN: 't' })).toEqual([undefined, '/g']);
  expect(await voucherOf('agent', '')).toEqual([undefined, undefined]);
});

test.each([
  ['server', 'listen: nowhere\ndata-dir: ""\n', {}, ['F:1: listen "nowhere": Use HOST:PORT', 'F:2: data-dir "": Use a folder']],
  ['agent', '', { SKERRY_KEEPALIVE: 'often' }, ['SKERRY_KEEPALIVE "often": Use a number with a unit']],
  ['agent', 'token: skr1.x\n', {}, ['F:1: token: a secret', '"token-file"']],
  ['server', 'token: skr1.x\n', {}, ['F:1: token: a secret']],
  ['server', 'data-dir: a\ndata-dir: b\n', {}, ['F:2: key "data-dir" stands twice, first on line 1']],
  ['server', 'words\n', {}, ['F:1:1: it is no map']],
  ['confirm', 'data-dir: [a]\n', {}, ['F:1: data-dir: It takes one value']],
  ['agent --config /nowhere/config.yaml', '', {}, ['read the configuration /nowhere/config.yaml: ENOENT']],
  ['reset --yes', 'server: http://a\n', {}, ['F:1: server "http://a": Use an https URL']],
  ['server', '', { SKERRY_CONFIG: '/nowhere.yaml' }, ['read the configuration /nowhere.yaml: ENOENT']],
] as const)('skerry %s with %j and %j does not start', async (line, config, environment, said) => {
  const { code, output, given } = await run(line, config, environment);
  expect([code, given]).toEqual([2, []]);
  for (const each of said) expect(output).toContain(each);
});

test('unknown keys stop no start and are handed on, and neither do wrong values of the other mode', async () => {
  const { code, given } = await run('server', 'node-nmae: x\nkeepalive: often\n', { SKERRY_LABLES: 'a=b' });
  expect([code, given[0]?.unknownKeys.map((each) => each.replaceAll(file, 'F'))]).toEqual([
    0,
    ['F:1: unknown key "node-nmae": did you mean "node-name"?', 'unknown variable SKERRY_LABLES: did you mean SKERRY_LABELS?'],
  ]);
});

test('verbs take from it where the server’s data is, and whoever says it all needs no file', async () => {
  const there = join(folder, 'there');
  expect((await run('confirm', `data-dir: ${there}\n`)).output).toContain(join(there, 'admin.kubeconfig'));
  expect((await run('confirm', 'data-dir: /f\n', { SKERRY_DATA_DIR: there })).output).toContain(join(there, 'admin.kubeconfig'));
  expect((await run(`confirm --data-dir ${there}`, 'words\n')).output).toContain(join(there, 'admin.kubeconfig'));
  expect((await run('confirm', 'words\n', { SKERRY_DATA_DIR: there })).output).toContain(join(there, 'admin.kubeconfig'));
  expect((await run('confirm', 'data-dir: [\n')).output).toMatch(/^skerry: F:2:1: a \[ or \{ that does not end[^\n]*\n$/);
  expect(await run('version', 'words\n')).toMatchObject({ code: 0 });
});

test('the doctor has them as a mode has, and is stopped by nothing', async () => {
  const looked = async (argv: readonly string[], config: string, environment: Context['environment'] = {}) => {
    writeFileSync(file, config, { mode: 0o600 });
    const { context } = cliContext({ environment: { SKERRY_CONFIG: file, ...environment } });
    const command = doctorCommand(context);
    command.parseOptions([...argv]);
    await configure(command, context);
    const { settings, ...flags } = command.opts<MachineFlags>();
    return { flags, told: settings.problems.map(({ message }) => message.replaceAll(file, 'F')) };
  };
  const config =
    'data-dir: /f\nlisten: 127.0.0.1:1\nserver: https://f:1\ndocker: unix:///f.sock\nno-agent: true\nlabels: {a: b}\n';
  expect(await looked(['--listen', ':3'], config, { SKERRY_SERVER: 'https://e:2', SKERRY_OUTPUT: 'json' })).toEqual({
    flags: { dataDir: '/f', docker: '/f.sock', listen: { host: '0.0.0.0', port: 3 }, server: 'https://e:2', agent: false },
    told: [],
  });
  expect(await looked([], 'data-dir: [a]\nserver: http://f\nlisten: :7\n', { SKERRY_DOCKER: 'x' })).toMatchObject({
    flags: { dataDir: '/var/lib/skerry', docker: '/var/run/docker.sock', listen: { port: 7 } },
    told: [/^F:1: data-dir/, /^F:2: server/, /^SKERRY_DOCKER "x"/].map((each) => expect.stringMatching(each)),
  });
  expect(await looked(['--config', '/nowhere'], '')).toMatchObject({ told: [expect.stringContaining('/nowhere: ENOENT')] });
  expect(await looked([], 'a: [')).toMatchObject({ told: [expect.stringMatching(/^F:1:5: /)] });
});

test('config check tells of everything that is wrong, for people and for machines', async () => {
  expect(await run('config check', 'labels: {a: b}\nserver: https://a:1\n')).toMatchObject({
    code: 0,
    output: 'F: nothing is wrong\n',
  });
  const wrong = 'node-nmae: x\nserver: http://a\n';
  const { code, output } = await run('config check', wrong);
  expect([code, output]).toEqual([
    2,
    expect.stringMatching(
      /^F:1: unknown key "node-nmae".*\nF:2: server "http:\/\/a": Use an https URL[^\n]*\nskerry: .*2 are wrong\n/,
    ),
  ]);
  const told = (await run('config check -o json', wrong)).output;
  expect(JSON.parse(told.slice(0, told.indexOf('\n]') + 2))).toMatchObject([
    { reason: 'UnknownKey', key: 'node-nmae' },
    { reason: 'BadValue', key: 'server' },
  ]);
  expect(await run('config check --config /nowhere.yaml', '')).toMatchObject({ code: 2 });
});

test('the keys are the flags of both modes, each once, and every one that the help shows', async () => {
  const { context, said } = cliContext({});
  const names = configKeys(context).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const mode of ['server', 'agent']) {
    said.output = '';
    await runProgram([mode, '--help'], context);
    const flags = [...said.output.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name);
    expect(flags.length).toBeGreaterThan(5);
    for (const flag of flags.filter((name) => name !== 'help' && name !== 'config')) expect(names).toContain(flag);
  }
});
