import { expect, test } from 'vitest';
import { layoutIn } from './layout.ts';
import { ENGINE, NETWORK_TOOLS } from './packages.ts';
import { COMMAND_TARGET, notesOf, planInstall, type Seen, type Wanted } from './plan.ts';
import { tellStep } from './step.ts';
import { enablement } from './units.ts';

const layout = layoutIn('/');

const WANTED: Wanted = {
  mode: 'agent',
  version: '1.2.3',
  executable: { path: '/download/skerry', how: 'move' },
  launch: 'launch',
  config: 'server: https://a:6443\n',
  units: { server: 'unit of the server', agent: 'unit of the agent' },
  token: { path: '/var/lib/skerry/join-token', text: 'skr1.x', hash: 'h' },
  start: true,
};

/** A machine that lacks nothing but us. */
const BARE: Seen = {
  layout,
  supervisor: 'systemd',
  slot: 'nothing',
  current: undefined,
  config: undefined,
  launch: undefined,
  units: { server: undefined, agent: undefined },
  links: {},
  running: { server: false, agent: false },
  joined: false,
  token: undefined,
  memory: {},
  runsPods: true,
  packages: { missing: [], manager: 'apt-get', brought: [] },
  engine: {
    path: '/etc/docker/daemon.json',
    file: '/etc/docker/daemon.json',
    text: undefined,
    there: true,
    decision: { type: 'keep' },
    isAwaited: false,
    mayRun: true,
  },
};

/** As it is after the plan for BARE. */
const INSTALLED: Seen = {
  ...BARE,
  slot: 'this',
  current: '1.2.3',
  config: WANTED.config,
  launch: 'launch',
  units: { server: undefined, agent: 'unit of the agent' },
  links: { [layout.command]: COMMAND_TARGET, [enablement(layout, 'agent').path]: enablement(layout, 'agent').target },
  running: { server: false, agent: true },
  joined: true,
  memory: { tokenHash: 'h' },
};

const told = (wanted: Partial<Wanted>, seen: Seen) => planInstall({ ...WANTED, ...wanted }, seen).map(tellStep);
const checkPlan = (wanted: Partial<Wanted>, seen: Seen, expected: readonly string[]) =>
  expect(told(wanted, seen)).toEqual(expected);

const [BEGIN, DONE] = ['write down what is under way', 'write down what was done'];
const PROGRAM = [
  'put version 1.2.3 into place',
  'write /usr/local/lib/skerry/launch',
  'make 1.2.3 the version that runs',
  'link /usr/local/bin/skerry',
  'write /etc/skerry/config.yaml',
  'write /var/lib/skerry/join-token',
  DONE,
];
const UNIT = [
  'write /etc/systemd/system/skerry-agent.service',
  'link /etc/systemd/system/multi-user.target.wants/skerry-agent.service',
];
const START = ['start skerry-agent.service and wait until it is ready'];

test('a machine that has nothing gets all of it, and is started last', () => {
  const all = [BEGIN, ...PROGRAM.slice(0, -1), BEGIN, ...UNIT, 'have systemd read the units'];
  checkPlan({}, BARE, [...all, ...START, DONE]);
  checkPlan({ start: false }, BARE, [...all, DONE]);
});

test('done a second time it does nothing, whatever became of the token', () => {
  checkPlan({}, INSTALLED, []);
  checkPlan({ token: undefined }, INSTALLED, []);
  checkPlan({}, { ...INSTALLED, joined: false, token: 'skr1.x' }, []);
  checkPlan({ start: false }, { ...INSTALLED, running: { server: false, agent: false } }, []);
});

test('what changed is changed, and the service restarted', () => {
  const restart = ['restart skerry-agent.service and wait until it is ready', DONE];
  checkPlan({ config: 'other' }, INSTALLED, [BEGIN, 'write /etc/skerry/config.yaml', ...restart]);
  checkPlan({}, { ...INSTALLED, slot: 'another' }, [BEGIN, 'put version 1.2.3 into place', ...restart]);
  checkPlan({}, { ...INSTALLED, units: { server: undefined, agent: 'of old' } }, [
    BEGIN,
    'write /etc/systemd/system/skerry-agent.service',
    'have systemd read the units',
    ...restart,
  ]);
  checkPlan({ token: { path: '/t', text: 'skr1.y', hash: 'i' } }, INSTALLED, [BEGIN, 'write /t', BEGIN, ...restart]);
  checkPlan({}, { ...INSTALLED, running: { server: false, agent: false } }, [BEGIN, ...START, DONE]);
  checkPlan({}, { ...INSTALLED, memory: { tokenHash: 'h', unfinished: true } }, ['have systemd read the units', ...restart]);
});

test('an agent that becomes a server, and the way back', () => {
  checkPlan({ mode: 'server', token: undefined }, INSTALLED, [
    BEGIN,
    'write /etc/systemd/system/skerry-server.service',
    'remove /etc/systemd/system/multi-user.target.wants/skerry-agent.service',
    'remove /etc/systemd/system/skerry-agent.service',
    'link /etc/systemd/system/multi-user.target.wants/skerry-server.service',
    'have systemd read the units',
    'stop skerry-agent.service',
    'start skerry-server.service and wait until it is ready',
    DONE,
  ]);
});

test('without systemd all but the service; in an image all but what needs it to run', () => {
  checkPlan({}, { ...BARE, supervisor: 'none' }, PROGRAM);
  checkPlan({}, { ...BARE, supervisor: 'image' }, [...PROGRAM, ...UNIT]);
});

test('the engine is asked for live-restore once it is there, and what is added is remembered first', () => {
  const decision = { type: 'write', text: '{}', added: ['live-restore'], made: true } as const;
  const seen: Seen = {
    ...INSTALLED,
    engine: { ...BARE.engine, there: false, decision },
    packages: { missing: [...NETWORK_TOOLS, ENGINE], manager: 'apt-get', brought: [] },
  };
  const steps = planInstall(WANTED, seen);
  expect(steps.map(tellStep)).toEqual([
    'install iproute2, nftables, docker.io',
    BEGIN,
    'switch on live-restore in /etc/docker/daemon.json',
    'have the engine read /etc/docker/daemon.json (it is not restarted)',
    DONE,
  ]);
  const memory = { tokenHash: 'h', engine: { file: '/etc/docker/daemon.json', added: ['live-restore'], made: true } };
  expect([steps[1], steps[4]]).toEqual([
    { do: 'remember', memory: { ...memory, unfinished: true } },
    { do: 'remember', memory },
  ]);
});

test('an engine that was asked for and does not answer is started, after all else is done and remembered', () => {
  const awaited = (seen: Seen): Seen => ({ ...seen, engine: { ...seen.engine, isAwaited: true } });
  const start = 'start the Docker engine and wait until it answers';
  checkPlan({}, awaited(INSTALLED), [start]);
  expect(told({}, awaited(BARE)).slice(-2)).toEqual([DONE, start]);
  expect(told({}, awaited({ ...BARE, supervisor: 'none' }))).not.toContain(start);
});

test('what is not done is told', () => {
  const notes = notesOf('server', {
    ...INSTALLED,
    packages: { missing: NETWORK_TOOLS, manager: undefined, brought: [] },
    engine: { ...BARE.engine, decision: { type: 'refuse', reason: 'because' } },
  });
  expect(notes).toEqual([
    'skerry-agent was installed here: skerry-server takes its place',
    expect.stringMatching(/no ip .*, nft /),
    expect.stringMatching(/live-restore is not .*because/),
  ]);
});
