import { expect, test } from 'vitest';
import { layoutIn } from './layout.ts';
import { COMMAND_TARGET } from './plan.ts';
import { tellStep } from './step.ts';
import { pathsOf, planAfter, planBefore, type Leftovers } from './uninstall-plan.ts';

const layout = layoutIn('/');
const ALL: Leftovers = {
  layout,
  systemd: true,
  running: { server: false, agent: true },
  there: pathsOf(layout, '/data'),
  command: COMMAND_TARGET,
  memory: { engine: { file: '/etc/docker/daemon.json', added: ['live-restore'], made: true } },
  engineText: '{"live-restore": true}',
  dataDir: '/data',
  purge: false,
};
const told = (leftovers: Partial<Leftovers>) => planAfter({ ...ALL, ...leftovers }).map(tellStep);

const UNITS = [
  'remove /etc/systemd/system/multi-user.target.wants/skerry-server.service',
  'remove /etc/systemd/system/skerry-server.service',
  'remove /etc/systemd/system/multi-user.target.wants/skerry-agent.service',
  'remove /etc/systemd/system/skerry-agent.service',
  'have systemd read the units',
];
const ENGINE = 'take live-restore out of /etc/docker/daemon.json (for the next start of the engine)';

test('the program goes, the data stays, but for a token that was not used', () => {
  expect(planBefore(ALL).map(tellStep)).toEqual(['stop skerry-agent.service']);
  expect(told({})).toEqual([
    ...UNITS,
    ENGINE,
    'remove /data/join-token',
    'remove /run/skerry',
    'remove /usr/local/lib/skerry',
    'remove /usr/local/bin/skerry',
  ]);
});

test('with purge also the data and the settings, and what is not ours stays', () => {
  const purged = told({ purge: true });
  expect(purged.filter((step) => /\/data\/|\/etc\/skerry|\/var\/log/.test(step))).toEqual([
    'remove /data/join-token',
    'remove /data/server',
    'remove /data/agent',
    'remove /data/admin.kubeconfig',
    'remove /data/recovery.key',
    'remove /etc/skerry',
    'remove /var/log/skerry-server.log',
    'remove /var/log/skerry-server.log.1',
    'remove /var/log/skerry-agent.log',
    'remove /var/log/skerry-agent.log.1',
  ]);
  expect(told({ command: '/opt/other' })).not.toContain('remove /usr/local/bin/skerry');
  expect(told({ engineText: '{"live-restore": false}' })).not.toContain(ENGINE);
  expect(told({ memory: {} })).not.toContain(ENGINE);
});

test('where nothing is left there is nothing to do', () => {
  const nothing: Leftovers = {
    ...ALL,
    there: [],
    command: undefined,
    memory: {},
    running: { server: false, agent: false },
    purge: true,
  };
  expect([...planBefore(nothing), ...planAfter(nothing)]).toEqual([]);
});
