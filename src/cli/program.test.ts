import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseYaml } from '#api/encoding/yaml.ts';
import { SkerryError } from '#lib/error.ts';
import { cliContext } from '../../test/support/cli-context.ts';
import type { Context } from './context.ts';
import { runProgram } from './program.ts';

const run = (...argv: readonly string[]) => runWith({}, ...argv);

async function runWith(more: Partial<Context>, ...argv: readonly string[]) {
  const { context, given, said } = cliContext(more);
  const code = await runProgram(argv, context);
  return { code, output: said.output, given };
}

test('help of every command: examples, and defaults as a user would write them', async () => {
  for (const command of await commandsBelow([])) {
    const { code, output } = await run(...command, '--help');
    expect([code, output]).toEqual([0, expect.stringMatching(/Examples?:\n {2}skerry/)]);
    expect(output).not.toMatch(/default:\s+([{[]|\d{4,})/);
  }
});

/** All that the help of `above` names, and what that of each of them names. */
async function commandsBelow(above: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { output } = await run(...above, '--help');
  const listed = output.split('Commands:\n')[1]?.split('\n\n')[0] ?? '';
  const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help');
  const commands = names.map((name) => [...above, name]);
  return [...commands, ...(await Promise.all(commands.map(commandsBelow))).flat()];
}

test('without flags the defaults of the help hold', async () => {
  const server = await run('server');
  expect(server.given).toEqual([
    {
      dataDir: '/var/lib/skerry',
      listen: { host: '0.0.0.0', port: 6443 },
      tlsSan: [],
      agent: true,
      docker: '/var/run/docker.sock',
      labels: {},
      capacity: {},
      logLevel: 'info',
      unknownKeys: [],
    },
  ]);
  const agent = await run('agent');
  expect(agent.given).toEqual([
    {
      dataDir: '/var/lib/skerry',
      docker: '/var/run/docker.sock',
      keepaliveMs: 30_000,
      labels: {},
      capacity: {},
      logLevel: 'info',
      unknownKeys: [],
    },
  ]);
});

test.each([
  ['serve', 'Did you mean server?'],
  ['--nonsense', 'unknown option'],
  ['server --listen nowhere', 'HOST:PORT'],
  ['server --listen', 'argument missing'],
  ['server --log-level loud', 'Use one of debug'],
  ['server --data-dir=', 'Use a folder'],
  ['server edge', 'too many arguments'],
  ['agent --tokn x', 'Did you mean --token?'],
  ['server --tls-san a..b', 'in no certificate'],
  ['server --node-name Edge_2', 'lower case'],
  ['agent --token x --token-file y', 'cannot be used with'],
  ['agent --server http://a', 'https URL'],
  ['agent --data-dir=', 'Use a folder'],
  ['agent --node-name Edge_2', 'lower case'],
  ['agent --docker /run/docker.sock', 'unix://'],
  ['agent --keepalive 0s', 'between 1s'],
  ['agent --node-ip host', 'IP address'],
  ['agent --labels nonsense', 'no key and value'],
  ['agent --capacity gpu=1', 'can not be capped'],
  ['agent --log-level loud', 'Use one of debug'],
  ['token make', "unknown command 'make'"],
  ['token create --ttl 0s', 'between 1s'],
  ['token create --ttl 4000d', 'between 1s'],
  ['token create --ttl soon', 'number with a unit'],
  ['token create --uses 0', 'at least 1'],
  ['token create --data-dir=', 'Use a folder'],
  ['token create --replace Edge_2', 'lower case'],
  ['token create --replace edge-2 --uses 2', 'cannot be used with'],
  ['token list -o table', 'Allowed choices are json, yaml'],
  ['token revoke', "missing required argument 'ids'"],
  ['token revoke nonsense/..', 'Use an id'],
  ['kubeconfig --ttl 366d --user a', 'between 1s and 365d'],
  ['kubeconfig --ttl 1h', 'give --user'],
  ['kubeconfig --group a', 'give --user'],
  ['kubeconfig --server http://a', 'https URL'],
  ['confirm --data-dir=', 'Use a folder'],
  ['confirm everything', 'too many arguments'],
  ['get', 'name what to get'],
  ['get pods -o xml', 'Allowed choices are json, yaml, name, wide'],
  ['create', 'name what to create'],
  ['create --dry-run=maybe -f x', 'Allowed choices'],
  ['delete', 'name what to delete'],
  ['delete pods a --grace-period soon', 'whole number of seconds'],
  ['logs', 'POD or TYPE/NAME'],
  ['completion fish', 'Allowed choices are bash, zsh'],
  ['version -o xml', 'Allowed choices are json, yaml'],
])('%s is wrong usage, told in one form', async (line, why) => {
  const { code, output, given } = await run(...line.split(' '));
  expect([code, given, output]).toEqual([2, [], expect.stringMatching(/^skerry: (?!.*error:)[^]*\n\(try --help\)\n$/)]);
  expect(output).toContain(why);
});

test.each([
  [
    'apply -f x --dry-run=client',
    '"apply" is a verb of kubectl, which works with this server:\n  skerry kubeconfig > skerry.kubeconfig ',
  ],
  ['describe --help', 'KUBECONFIG=skerry.kubeconfig kubectl describe …\n'],
  ['aplly', `unknown command 'aplly'; "apply" is a verb of kubectl`],
  ['exec -it web-1 -- sh', 'this release does not serve it yet; on its node: docker exec -it CONTAINER sh\n'],
])('%s is for kubectl', async (line, why) => {
  const { code, output } = await run(...line.split(' '));
  expect([code, output]).toEqual([2, expect.stringContaining(why)]);
  expect(output).not.toContain('--help');
});

test('kubectl is told of with the kubeconfig that is there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'program-'));
  writeFileSync(join(folder, 'admin.kubeconfig'), '');
  const environment = { SKERRY_CONFIG: '/dev/null', SKERRY_DATA_DIR: folder };
  const { output } = await runWith({ environment }, 'apply');
  const named = await runWith({ environment: { ...environment, KUBECONFIG: '/k' } }, 'apply');
  rmSync(folder, { recursive: true });
  expect(output).toContain(`:\n  KUBECONFIG=${folder}/admin.kubeconfig kubectl apply …\n`);
  expect(named.output).toContain(':\n  kubectl apply …\n');
});

test('wrong usage that only a mode finds is told in the same form, other failures without a word of help', async () => {
  const failing = (code: string) => runWith({ runAgent: async () => Promise.reject(new SkerryError(code, 'join')) }, 'agent');
  expect(await failing('Usage')).toMatchObject({ code: 2, output: 'skerry: join\n(try --help)\n' });
  // No flag mends it.
  expect(await failing('BadToken')).toMatchObject({
    code: 2,
    output: expect.stringMatching(/^skerry: join\n\(make a new token with `skerry token create`/),
  });
  expect(await failing('OtherMode')).toMatchObject({ code: 2, output: 'skerry: join\n' });
  expect(await failing('BadConfig')).toMatchObject({ code: 2, output: 'skerry: join\n' });
  expect(await failing('Forbidden')).toMatchObject({ code: 3, output: 'skerry: join\n' });
});

test.each([
  [{ code: 'EACCES', syscall: 'mkdir', path: '/x' }, '(run it as root, or give a folder of your own with --data-dir)'],
  [
    { code: 'EADDRINUSE', syscall: 'listen', port: 6443 },
    '(is a server running already? another address or port is given with --listen)',
  ],
])('what the kernel does not allow is told with what to do: %o', async (facts, hint) => {
  const cause = Object.assign(new Error(`${facts.code}: ${facts.syscall}`), facts);
  const refused = async () => Promise.reject(new SkerryError('DiskError', 'begin', { cause }));
  const output = `skerry: begin: ${facts.code}: ${facts.syscall}\n${hint}\n`;
  expect(await runWith({ runServer: refused }, 'server')).toMatchObject({ code: 1, output });
});

test('a reset asks first, tells what it did, and fails where something is left', async () => {
  expect(await run('reset')).toMatchObject({ code: 2, output: expect.stringContaining('say --yes') });
  expect(await runWith({ confirm: async () => false }, 'reset')).toMatchObject({
    code: 1,
    output: 'skerry: reset: nothing was done\n',
  });
  expect(await run('reset', '--yes')).toEqual({
    code: 0,
    output: 'node n1 has left its cluster\nthis machine can join anew, with a new token\n',
    given: [],
  });
  const left = [{ what: 'the containers', why: 'no engine answers' }];
  const halfDone: Context['resetNode'] = async () => ({
    node: 'n1',
    server: 'not told',
    cleared: { removed: ['nft table skerry'], left },
    forgotten: false,
  });
  const { code, output } = await runWith({ confirm: async () => true, resetNode: halfDone }, 'reset');
  expect(code).toBe(1);
  expect(output.split('\n').slice(0, 3)).toEqual([
    'removed nft table skerry',
    'left the containers: no engine answers',
    'the server was not told: on it, run `kubectl delete node n1`',
  ]);
  expect(output).toContain('skerry: reset the node in /var/lib/skerry: not all of it could be removed');
});

test('a reset of a server says how it is begun anew, and how its own node alone is reset', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-reset-'));
  const reset = async (resetNode: Context['resetNode']) => {
    const { code, output } = await runWith({ resetNode }, 'reset', '--yes', '--data-dir', dataDir);
    return [code, output.replaceAll(dataDir, 'DIR')];
  };
  const fails = (code: string) => async () => {
    throw new SkerryError(code, 'systemctl stop', { cause: new Error('why') });
  };
  const anew =
    'To begin the server anew: `skerry uninstall --purge --data-dir DIR`, which ends its cluster for good, then install it as at first';
  const who = 'skerry: reset: this machine is the server of a cluster (its data is in DIR/server)';
  try {
    mkdirSync(join(dataDir, 'server'));
    expect(await reset(fails('Bug'))).toEqual([2, `${who} and has no node of its own. ${anew}\n`]);
    mkdirSync(join(dataDir, 'agent'));
    writeFileSync(join(dataDir, 'agent/identity.json'), '{}');
    const alone =
      'its own node can be reset while it runs without its agent: `skerry server --no-agent --data-dir DIR`, then this again';
    expect(await reset(fails('InUse'))).toEqual([1, `${who}; ${alone}. ${anew}\n`]);
    expect(await reset(fails('ServiceUnavailable'))).toEqual([6, `${who}, and it does not answer (why); ${alone}. ${anew}\n`]);
    const cleared = { removed: [], left: [] };
    expect(await reset(async () => ({ node: 'n1', server: 'told', cleared, forgotten: true }))).toEqual([
      0,
      expect.stringMatching(/^node n1 has left its cluster\nthe server goes on without a node of its own/),
    ]);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

test("a verb's --version is the verb's own", async () => {
  const { code, output } = await run('upgrade', '--version', '0.2.0');
  expect([code, output]).toEqual([2, expect.stringContaining('a checkout is not installed')]);
  expect((await run('upgrade', '--version', '../x')).output).toContain('Use the version of a release');
});

test('the version, for people and for machines', async () => {
  for (const line of ['version', '--version']) expect(await run(line)).toMatchObject({ code: 0, output: 'skerry 1.2.3\n' });
  const facts = { release: '1.2.3', kubernetesVersion: 'v1.36.0', nodeVersion: 'v24.0.0', platform: 'linux/arm64' };
  expect(JSON.parse((await run('version', '-o', 'json')).output)).toEqual(facts);
  expect(parseYaml((await run('version', '--output', 'yaml')).output)).toEqual(facts);
});
