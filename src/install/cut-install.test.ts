import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withLiveRestore } from './engine-settings.ts';
import { layoutIn, type Mode } from './layout.ts';
import type { Memory } from './memory.ts';
import { ENGINE, NETWORK_TOOLS } from './packages.ts';
import { COMMAND_TARGET, planInstall, type Seen, type Wanted } from './plan.ts';
import { tellStep, type Runners, type Step } from './step.ts';
import { enablement, otherMode, unitFile } from './units.ts';

/**
 * An installation that is killed after any of its steps, and done again, ends as one that was not: all files, and all that has them take effect.
 * On a model of a machine; that each step does what it says is tested elsewhere.
 */
const layout = layoutIn('/');
const DAEMON_JSON = '/etc/docker/daemon.json';
const [TOKEN, HASH] = ['/var/lib/skerry/join-token', 'hash of the token'];

type Machine = {
  readonly supervisor: 'systemd' | 'none';
  readonly files: Readonly<Record<string, string>>;
  readonly memory: Memory;
  readonly joined: boolean;
  readonly packages: boolean;
  /** What each of these goes by, which may not be what stands in its files; undefined: it does not run. */
  readonly engine: string | undefined;
  readonly systemd: string;
  readonly services: Readonly<Record<Mode, string | undefined>>;
};

const LINKED = 'link to ';
const unitPaths = (['server', 'agent'] as const).flatMap((mode) => [unitFile(layout, mode), enablement(layout, mode).path]);
const textsOf = (files: Machine['files'], paths: readonly string[]) => JSON.stringify(paths.map((path) => files[path] ?? null));
const goesBy = (files: Machine['files']) => textsOf(files, [layout.slots, layout.current, layout.launch, layout.config]);

function see(machine: Machine, installEngine: boolean): Seen {
  const { supervisor, files, memory, joined, engine } = machine;
  const links = Object.entries(files).flatMap(([path, text]) =>
    text.startsWith(LINKED) ? [[path, text.slice(LINKED.length)] as const] : [],
  );
  const unit = (mode: Mode) => files[unitFile(layout, mode)];
  const coming = installEngine && !machine.packages;
  const text = files[DAEMON_JSON];
  return {
    layout,
    supervisor,
    slot: files[layout.slots] === undefined ? 'nothing' : files[layout.slots] === 'this' ? 'this' : 'another',
    current: files[layout.current],
    config: files[layout.config],
    launch: files[layout.launch],
    units: { server: unit('server'), agent: unit('agent') },
    links: Object.fromEntries(links),
    running: { server: machine.services.server !== undefined, agent: machine.services.agent !== undefined },
    joined,
    token: files[TOKEN],
    memory,
    runsPods: true,
    packages: {
      missing: machine.packages ? [] : [...NETWORK_TOOLS, ...(installEngine ? [ENGINE] : [])],
      manager: 'apt-get',
      brought: [],
    },
    engine: {
      path: DAEMON_JSON,
      file: DAEMON_JSON,
      text,
      there: engine !== undefined || coming,
      decision: engine !== undefined || coming ? withLiveRestore({ text, commandLines: [], swarm: false }) : { type: 'keep' },
      isAwaited: coming,
      mayRun: engine !== undefined || coming,
    },
  };
}

const put = (machine: Machine, path: string, text: string): Machine => ({
  ...machine,
  files: { ...machine.files, [path]: text },
});

function without(machine: Machine, path: string): Machine {
  return { ...machine, files: Object.fromEntries(Object.entries(machine.files).filter(([other]) => other !== path)) };
}

const runners = (machine: Machine): Runners<Machine> => ({
  packages: ({ names }) => ({
    ...machine,
    packages: true,
    engine: names.includes('docker.io') ? (machine.files[DAEMON_JSON] ?? '') : machine.engine,
  }),
  remember: ({ memory }) => ({ ...machine, memory }),
  'engine-settings': ({ file, text }) => put(machine, file, text),
  'engine-settings-back': () => machine,
  'engine-reread': ({ file }) => ({
    ...machine,
    engine: machine.engine === undefined ? undefined : (machine.files[file] ?? ''),
  }),
  'engine-start': () => machine,
  slot: () => put(machine, layout.slots, 'this'),
  current: ({ version }) => put(machine, layout.current, version),
  link: ({ path, target }) => put(machine, path, `${LINKED}${target}`),
  write: ({ path, text }) => put(machine, path, text),
  remove: ({ path }) => without(machine, path),
  'reload-units': () => ({ ...machine, systemd: textsOf(machine.files, unitPaths) }),
  stop: ({ mode }) => ({ ...machine, services: { ...machine.services, [mode]: undefined } }),
  start: ({ mode }) => {
    const services = { ...machine.services, [mode]: goesBy(machine.files) };
    // With its token an agent joins, and deletes it.
    return mode === 'agent' ? without({ ...machine, services, joined: true }, TOKEN) : { ...machine, services };
  },
});

// Sound: the runner under a step's own word takes that step.
const perform = (steps: readonly Step[], machine: Machine) =>
  steps.reduce((now, step) => (runners(now)[step.do] as (given: Step) => Machine)(step), machine);

const wantedOf = (mode: Mode, start: boolean, hasToken: boolean): Wanted => ({
  mode,
  version: '1.2.3',
  executable: { path: '/download/skerry', how: 'move' },
  launch: 'launch',
  config: 'config',
  units: { server: 'unit of the server', agent: 'unit of the agent' },
  token: hasToken ? { path: TOKEN, text: 'token', hash: HASH } : undefined,
  start,
});

/** Where all that runs goes by what stands in the files: what comes of the cuts is the installation's own. */
const machines = fc
  .record({
    supervisor: fc.constantFrom('systemd' as const, 'systemd' as const, 'none' as const),
    own: fc.subarray([
      [layout.slots, 'this'],
      [layout.slots, 'of another build'],
      [layout.current, '1.2.3'],
      [layout.launch, 'launch'],
      [layout.config, 'config'],
      [layout.config, 'other'],
      [layout.command, `${LINKED}${COMMAND_TARGET}`],
      [TOKEN, 'token'],
      [TOKEN, 'other'],
    ] as const),
    units: fc.constantFrom(undefined, ['server', 'unit of the server'], ['agent', 'of old'], ['agent', 'unit of the agent']),
    runs: fc.boolean(),
    engine: fc.constantFrom(undefined, 'bare', 'ours', 'theirs'),
    joined: fc.boolean(),
    packages: fc.boolean(),
    tokenHash: fc.constantFrom(undefined, HASH, 'other'),
  })
  .map(({ supervisor, own, units, runs, engine, joined, packages, tokenHash }): Machine => {
    // Sound: these are the modes of the table above.
    const [mode, text] = (units ?? []) as [Mode?, string?];
    const files: Record<string, string> = Object.fromEntries(own);
    if (mode !== undefined && text !== undefined && supervisor === 'systemd') {
      files[unitFile(layout, mode)] = text;
      files[enablement(layout, mode).path] = `${LINKED}${enablement(layout, mode).target}`;
    }
    if (engine === 'ours' || engine === 'theirs') files[DAEMON_JSON] = '{"live-restore":true}';
    const running = runs && supervisor === 'systemd' ? mode : undefined;
    // One that runs has joined with what it found, and deleted it.
    if (running === 'agent') delete files[TOKEN];
    const services = { server: undefined, agent: undefined };
    const added = { engine: { file: DAEMON_JSON, added: ['live-restore'], made: true } };
    return {
      supervisor,
      files,
      memory: { ...(engine === 'ours' ? added : {}), ...(tokenHash === undefined ? {} : { tokenHash }) },
      joined: joined || running === 'agent',
      packages: packages || engine !== undefined,
      engine: engine === undefined ? undefined : (files[DAEMON_JSON] ?? ''),
      systemd: textsOf(files, unitPaths),
      services: running === undefined ? services : { ...services, [running]: goesBy(files) },
    };
  });

test('never does it matter where an installation was cut, once it is done again', () => {
  fc.assert(
    fc.property(
      machines,
      fc.constantFrom<Mode>('server', 'agent'),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (before, mode, start, hasToken, installEngine) => {
        const plan = (machine: Machine) => planInstall(wantedOf(mode, start, hasToken), see(machine, installEngine));
        const steps = plan(before);
        const whole = perform(steps, before);
        expect(plan(whole).map(tellStep)).toEqual([]);
        if (start && before.supervisor === 'systemd') {
          expect(whole.services[mode]).toBe(goesBy(whole.files));
          expect(whole.services[otherMode(mode)]).toBe(undefined);
        }
        for (let cut = 0; cut < steps.length; cut += 1) {
          const half = perform(steps.slice(0, cut), before);
          const twice = plan(half).length + 1;
          expect([cut, perform(plan(half), half)]).toEqual([cut, whole]);
          // And where the second one is cut too.
          for (let again = 0; again < twice; again += 1) {
            const third = perform(plan(half).slice(0, again), half);
            expect([cut, again, perform(plan(third), third)]).toEqual([cut, again, whole]);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
