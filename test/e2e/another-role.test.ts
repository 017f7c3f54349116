import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import { CONFIG, startStickMachine, type StickMachine } from '../support/stick-machine.ts';

/**
 * A machine becomes another than it is: a server a node, a node a server, a node another cluster's, or the same anew. Each way is gone as the messages say it,
 * to the letter: the commands that are run are taken out of them.
 */
let machine: StickMachine;
const OTHER = '/srv/other';
const THIRD = '/srv/third';
const URLS = { [OTHER]: 'https://127.0.0.1:7443', [THIRD]: 'https://127.0.0.1:8443' } as const;

beforeAll(async () => {
  machine = await startStickMachine();
  for (const dataDir of [OTHER, THIRD] as const) await startServer(dataDir);
}, 600_000);
afterAll(() => machine?.remove());

const unitOf = (dataDir: string) => `server${dataDir.replaceAll('/', '-')}`;

async function startServer(dataDir: keyof typeof URLS): Promise<void> {
  const serve = [
    '/stick/skerry',
    'server',
    '--no-agent',
    '--data-dir',
    dataDir,
    '--listen',
    URLS[dataDir].replace('https://', ''),
  ];
  await machine.must('systemd-run', '--collect', `--unit=${unitOf(dataDir)}`, ...serve);
}

async function tokenFile(dataDir: string, ...flags: readonly string[]): Promise<string> {
  const create = `umask 077; /stick/skerry token create --data-dir '${dataDir}' ${flags.join(' ')} >/root/token`;
  await waitFor('a token', () => machine.must('sh', '-c', create));
  return '/root/token';
}

/** From the stick, as somebody does who begins. */
const install = (...args: readonly string[]) => machine.run('/stick/skerry', 'install', ...args, '--offline', '/stick');

async function installAgent(dataDir: keyof typeof URLS, ...flags: readonly string[]) {
  return install('agent', '--server', URLS[dataDir], '--token-file', await tokenFile(dataDir, ...flags));
}

/** The lines between ` and ` of what was said, in their order. */
const commandsIn = (said: string): readonly string[] => [...said.matchAll(/`([^`]+)`/g)].map(([, command]) => command ?? '');

/** At a terminal it would be asked. */
const follow = (command: string) =>
  machine.must('sh', '-c', command.replace(/skerry (reset|uninstall --purge)/, 'skerry $1 --yes').replace(/^kubectl/, KUBECTL));
const KUBECTL = `/stick/kubectl --kubeconfig ${OTHER}/admin.kubeconfig`;

const unitsOf = async () => (await machine.run('sh', '-c', 'cd /etc/systemd/system && ls -d skerry-*')).stdout.trim();

test('a server is begun anew, and its own node alone is reset, as a reset says', async () => {
  expect(await install('server')).toMatchObject({ code: 0 });
  for (const make of ['systemctl start skerry-server', 'systemctl stop skerry-server']) {
    await machine.must('sh', '-c', make);
    const refused = await machine.skerry('reset', '--yes');
    expect(refused.stderr).toContain('this machine is the server of a cluster (its data is in /var/lib/skerry/server)');
    const [alone = '', anew = ''] = commandsIn(refused.stderr);
    expect([alone, anew]).toEqual(['skerry install server --no-agent', 'skerry uninstall --purge']);
  }
  await follow('skerry install server --no-agent');
  expect(await machine.skerry('reset', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/has left its cluster\nthe server goes on without a node of its own/),
  });
  expect(await machine.kube('/var/lib/skerry', 'get', 'nodes', '-o', 'name')).toBe('');
  // It has none any more.
  const refused = await machine.skerry('reset', '--yes');
  const [anew = ''] = commandsIn(refused.stderr);
  expect([refused.code, anew]).toEqual([2, 'skerry uninstall --purge']);
  await follow(anew);
  expect(existsSync(machine.inside('/var/lib/skerry'))).toBe(false);
  expect(await install('server', '--no-agent')).toMatchObject({ code: 0 });
});

test('a server becomes a node: the program that would be run again is gone with it, unless it is from elsewhere', async () => {
  const own = await machine.skerry('install', 'agent', '--server', URLS[OTHER], '--token-file', await tokenFile(OTHER));
  expect([own.code, own.stderr]).toEqual([2, expect.stringContaining('then install the agent as at first (install.sh')]);
  const refused = await installAgent(OTHER);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('then run this line again')]);
  await follow(commandsIn(refused.stderr)[0] ?? '');
  expect(await installAgent(OTHER)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\nthis machine is node \S+ of the cluster at https:\/\/127\.0\.0\.1:7443\n/),
  });
});

test('a node is of one cluster: another server or its token is refused, and nothing is changed; its own again is nothing new', async () => {
  const before = [machine.textOf(CONFIG), await machine.mainPid('agent')];
  const third = await tokenFile(THIRD);
  for (const [flags, why] of [
    [['--server', URLS[THIRD], '--token-file', third], 'the token is of another cluster'],
    [['--server', URLS[OTHER], '--token-file', third], 'the token is of another cluster'],
    [['--server', URLS[THIRD]], 'https://127.0.0.1:8443 is another server'],
  ] as const) {
    const { code, stdout, stderr } = await machine.skerry('install', 'agent', ...flags);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)]);
    expect(commandsIn(stderr)).toEqual([
      'systemctl stop skerry-agent.service; skerry reset',
      'skerry token create --replace NAME',
    ]);
  }
  const silent = await machine.skerry('install', 'agent', '--server', 'https://127.0.0.1:9443');
  expect([silent.code, silent.stderr]).toEqual([1, expect.stringMatching(/whether it has moved to .*: connect ECONNREFUSED/)]);
  const proxy = ['--proxy', 'http://me:s3cret@127.0.0.1:9'];
  const unproxied = await machine.skerry('install', 'agent', '--server', 'https://localhost:7443', ...proxy);
  expect([unproxied.code, unproxied.stderr]).toEqual([
    1,
    expect.stringMatching(/through the proxy 127\.0\.0\.1:9: connect ECONN/),
  ]);
  expect([machine.textOf(CONFIG), await machine.mainPid('agent')]).toEqual(before);

  const already = {
    code: 0,
    stdout: expect.stringMatching(/\nalready joined: this machine is node \S+ of the cluster at \S+:7443\n/),
  };
  expect(await installAgent(OTHER)).toMatchObject(already);
  // The same server by another name is known by its key.
  expect(await machine.skerry('install', 'agent', '--server', 'https://localhost:7443')).toMatchObject(already);
});

test('a node goes over to another cluster, as it was told', async () => {
  const refused = await installAgent(THIRD);
  await follow(commandsIn(refused.stderr)[0] ?? '');
  const used = await machine.skerry('install', 'agent');
  expect([used.code, used.stderr]).toEqual([2, expect.stringContaining('it needs --token-file FILE')]);
  expect(await installAgent(THIRD)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('cluster at https://127.0.0.1:8443'),
  });
  expect(await machine.kube(OTHER, 'get', 'nodes', '-o', 'name')).toBe('');
  expect(await machine.kube(THIRD, 'get', 'nodes', '-o', 'name')).toMatch(/^node\/\S+\n$/);
});

test('a node becomes a server, and has no settings of a node then', async () => {
  const refused = await install('server', '--no-agent');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('then run this line again')]);
  await follow(commandsIn(refused.stderr)[0] ?? '');
  expect(machine.textOf(CONFIG)).toMatch(/^server: .*\ntoken-file: /m);
  await machine.must('/bin/sh', '-c', `echo 'proxy: http://127.0.0.1:9' >> ${CONFIG}`);
  expect(await install('server', '--no-agent')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(
      'note: server and proxy and token-file, of the node that this machine was, went out of /etc/skerry/config.yaml\n',
    ),
  });
  expect(machine.textOf(CONFIG)).toMatch(/^# Settings[^]*\nno-agent: true\n$/);
  expect(machine.textOf(CONFIG)).not.toMatch(/^(?:server|proxy|token-file):/m);
  expect(await unitsOf()).toBe('skerry-server.service');
});

test('whoever uninstalls and keeps the data is who it was; both ways out of that are as told', async () => {
  expect(await machine.skerry('uninstall')).toMatchObject({ code: 0 });
  const server = await installAgent(OTHER);
  await follow(commandsIn(server.stderr)[0] ?? '');
  expect(await installAgent(OTHER)).toMatchObject({ code: 0 });
  const left = await machine.skerry('uninstall');
  expect([left.code, left.stdout]).toEqual([0, expect.stringContaining('remains in its cluster: `kubectl delete node')]);
  const node = await install('server', '--no-agent');
  expect(node.code).toBe(2);
  for (const command of commandsIn(node.stderr)) await follow(command);
  expect(await install('server', '--no-agent')).toMatchObject({ code: 0 });
  expect(machine.textOf(CONFIG)).not.toMatch(/^(?:server|token-file):/m);
});

test('a node that was purged and not told of comes back in its own place by the token that the refusal names', async () => {
  await machine.skerry('uninstall', '--purge', '--yes');
  expect(await installAgent(OTHER)).toMatchObject({ code: 0 });
  expect(await machine.skerry('uninstall', '--purge', '--yes')).toMatchObject({ code: 0 });
  const refused = await installAgent(OTHER);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('the name is pinned to the key of another machine'),
  ]);
  const [, flag = ''] = /`skerry token create (--replace \S+)`/.exec(refused.stderr) ?? [];
  expect(await installAgent(OTHER, flag)).toMatchObject({ code: 0 });
  // And a reset leads on to the next installation.
  const running = await machine.skerry('reset', '--yes');
  await follow(commandsIn(running.stderr)[0] ?? '');
  expect(await machine.skerry('reset', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('this machine can join anew'),
  });
  expect(await installAgent(OTHER)).toMatchObject({ code: 0 });
});

test('a node that was deleted is told so by its doctor at once, and what it is told brings it back', async () => {
  const told = async () => (await machine.skerry('doctor', '-o', 'json')).stdout;
  expect(await told()).not.toContain('no link to its server');
  const [name = ''] = (await machine.kube(OTHER, 'get', 'nodes', '-o', 'name')).trim().split('\n');
  await machine.kube(OTHER, 'delete', name);
  const said = await waitFor(
    'the doctor to say why',
    async () => (await told()).match(/no link to its server, .*removed from this cluster[^]*/)?.[0],
    3_000,
  );
  expect(said).toContain('skerry install agent --server URL --token-file FILE');
  expect(await installAgent(OTHER)).toMatchObject({ code: 0, stdout: expect.stringContaining('already joined') });
  await waitFor('the link', async () => !(await told()).includes('no link to its server'), 5_000);
  expect(await machine.kube(OTHER, 'get', 'nodes', '-o', 'name')).toBe(`${name}\n`);
});

test('a node whose server was made anew is told so, and joins that as it is told', async () => {
  await machine.must('systemctl', 'stop', unitOf(OTHER));
  await machine.must('rm', '-rf', OTHER);
  await startServer(OTHER);
  // It has its key later.
  await tokenFile(OTHER);
  expect((await machine.skerry('doctor')).stdout).toMatch(
    /not one that this node pinned when it joined\n.*systemctl stop skerry-agent; skerry reset --force; skerry install agent --server URL --token-file FILE/,
  );
  const refused = await installAgent(OTHER);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/the token is of another cluster; .*add --force where that server is gone/),
  ]);
  await follow(`${commandsIn(refused.stderr)[0]} --force`);
  expect(await installAgent(OTHER)).toMatchObject({ code: 0 });
  expect(await machine.kube(OTHER, 'get', 'nodes', '-o', 'name')).toMatch(/^node\/\S+\n$/);
});
