import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, type Clock } from '#lib/clock.ts';
import { logTo } from '#lib/log.ts';
import { serviceManager } from '#lib/service-manager.ts';
import { eventually } from '../../test/support/eventually.ts';
import { manualClock } from '../../test/support/manual-clock.ts';
import { makeSlotsWorld, type SlotsWorld } from '../../test/support/slots-world.ts';
import { performSteps } from './file-steps.ts';
import { LAUNCH_SCRIPT } from './launch.ts';
import { healthFile } from './layout.ts';
import { openService, type Service } from './service.ts';
import { agentHas, agentTrouble, type AgentHealth, type ServicePart } from './service-parts.ts';
import { switchSteps } from './switch.ts';
import { putSlot } from './slots.ts';
import { readDataDir, readHealth, readTrial, type Need } from './trial.ts';

let world: SlotsWorld;
let said = '';
let service: Service | undefined;

beforeEach(() => {
  world = makeSlotsWorld(['0.1.0']);
  said = '';
});
afterEach(async () => {
  await service?.stop();
  service = undefined;
  world.remove();
});

const told = () => (existsSync(join(world.layout.lib, 'told')) ? readFileSync(join(world.layout.lib, 'told'), 'utf8') : '');

/** In place of systemd: what is told goes into a file, by the program that is called for it. */
async function open(
  version: string,
  { partCount = 1, watchdogMs = 0, clock = systemClock }: { partCount?: number; watchdogMs?: number; clock?: Clock } = {},
): Promise<Service> {
  const { layout } = world;
  writeFileSync(join(layout.lib, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET: $*" >>'${join(layout.lib, 'told')}'\n`, {
    mode: 0o755,
  });
  const log = logTo((line) => (said += line), 'debug', 'json');
  const environment = {
    NOTIFY_SOCKET: '/the/socket',
    PATH: `${layout.lib}:${process.env['PATH']}`,
    ...(watchdogMs === 0 ? {} : { WATCHDOG_USEC: String(watchdogMs * 1_000) }),
  };
  const manager = serviceManager(environment, process.pid, log);
  service = await openService({
    mode: 'server',
    installed: { layout, version },
    manager,
    dataDir: '/nonexistent',
    partCount,
    clock,
    log,
  });
  return service;
}

function beginTrial(needs: readonly Need[]): void {
  putSlot(world.layout, world.executable('0.2.0'), '0.2.0');
  performSteps(switchSteps(world.layout, { to: '0.2.0', back: '0.1.0', trials: [{ mode: 'server', needs, limitSeconds: 600 }] }));
}

const part = (more: Partial<ServicePart> = {}): ServicePart => ({
  alive: async () => undefined,
  unhealthy: async () => undefined,
  has: () => ['link'],
  ...more,
});

test('a release on trial stays once all its parts are healthy, and then brings its launch', async () => {
  beginTrial([]);
  writeFileSync(world.layout.launch, 'of the release before');
  const { onTrial, add } = await open('0.2.0', { partCount: 2 });
  expect(onTrial).toBe(true);
  add(part());
  await eventually(() => said.includes('it is starting'), 'it waits for the other part');
  expect(told()).not.toContain('READY');
  let why: string | undefined = 'it is not';
  add(part({ unhealthy: async () => why }));
  await eventually(() => said.includes('it is not'), 'it says why');
  expect([readTrial(world.layout, 'server')?.to, readFileSync(world.layout.launch, 'utf8')]).toEqual([
    '0.2.0',
    'of the release before',
  ]);
  why = undefined;
  await eventually(() => readTrial(world.layout, 'server') === undefined, 'the trial ends');
  await eventually(() => readFileSync(world.layout.launch, 'utf8') === LAUNCH_SCRIPT, 'launch is renewed');
  await eventually(() => told().includes('READY=1'), 'it is ready');
  await service?.stop();
  expect(told().split('\n')).toEqual([
    expect.stringMatching(/^\/the\/socket: EXTEND_TIMEOUT_USEC=\d+$/),
    '/the/socket: READY=1',
    '/the/socket: STOPPING=1',
    '',
  ]);
});

test('what throws is not healthy; an agent that waits for its first join is, unless it had a link', async () => {
  beginTrial([]);
  const first = await open('0.2.0');
  first.add(part({ alive: () => Promise.reject(new Error('its thread is dead')) }));
  await eventually(() => said.includes('its thread is dead'), 'it says why');
  await first.stop();
  (await open('0.2.0')).waiting();
  await eventually(() => readTrial(world.layout, 'server') === undefined, 'the trial ends');
  await service?.stop();
  beginTrial(['link']);
  (await open('0.2.0')).waiting();
  await eventually(() => said.includes('had joined before'), 'it says why');
  expect(readTrial(world.layout, 'server')?.to).toBe('0.2.0');
});

test('the release before says why the upgrade was taken back; what is not on trial changes nothing of a trial', async () => {
  beginTrial([]);
  const other = await open('0.1.0', { watchdogMs: 60 });
  other.add(part());
  expect(other.onTrial).toBe(false);
  await eventually(() => readHealth(world.layout, 'server')?.join() === 'link', 'it says what it has');
  expect(readDataDir(world.layout, 'server')).toBe('/nonexistent');
  expect(readTrial(world.layout, 'server')?.to).toBe('0.2.0');
  await other.stop();
  expect(readHealth(world.layout, 'server')).toBeUndefined();
  for (let start = 0; start < 4; start += 1) await world.launch();
  await open('0.1.0');
  expect(said).toMatch(/an upgrade was taken back.*/);
  expect(said).toMatch(/it was started 3 times and did not become healthy/);
});

/** Between two beats a program runs, in real time: only once the service sleeps again may the clock go on. */
function watchedClock() {
  const clock = manualClock();
  let [set, seen] = [0, 0];
  const timer: Clock['timer'] = (delayMs, fire) => {
    set += 1;
    return clock.timer(delayMs, fire);
  };
  const asleep = async () => {
    await eventually(() => set > seen, 'it sleeps');
    seen = set;
  };
  return { clock: { ...clock, timer }, asleep };
}

test('what it has is written down, and at once that its server lets it in no more', async () => {
  const { add, look } = await open('0.1.0');
  const health = () => readFileSync(healthFile(world.layout, 'server'), 'utf8');
  let [has, refused]: [readonly Need[], string | undefined] = [['engine', 'link'], undefined];
  add(part({ has: () => has, refused: () => refused }));
  look();
  expect(health()).toBe('has=engine,link\ndata=/nonexistent\n');
  [has, refused] = [['engine'], `it was removed\nhas=link ${'x'.repeat(900)}`];
  look();
  expect(health()).toMatch(/^has=engine\ndata=\/nonexistent\nrefused=it was removed has=link x{300,}\n$/);
  [has, refused] = [['link'], undefined];
  look();
  expect(health()).toBe('has=link\ndata=/nonexistent\n');
});

test('the watchdog hears of a service only while every part of it answers', async () => {
  const { clock, asleep } = watchedClock();
  const { add } = await open('0.1.0', { partCount: 2, watchdogMs: 30_000, clock });
  let answer: () => void = () => undefined;
  let asked = 0;
  const beats = () => told().split('WATCHDOG=1').length - 1;
  // A first beat would arm it, and the other part may yet read a disk for longer than it waits.
  let looks = 0;
  add(part({ alive: async () => void (looks += 1) }));
  for (let tens = 1; tens <= 3; tens += 1) {
    await asleep();
    await clock.advance(10_000);
    await eventually(() => looks >= tens, `look ${tens}`);
  }
  expect(beats()).toBe(0);
  add(
    part({
      alive: () => {
        asked += 1;
        return asked === 4 ? new Promise((resolve) => (answer = resolve)) : Promise.resolve();
      },
    }),
  );
  const beat = async (count: number) => {
    await asleep();
    await clock.advance(10_000);
    await eventually(() => beats() === count, `${count} beats`);
  };
  await beat(1);
  await beat(2);
  await beat(3);
  await asleep();
  await clock.advance(10_000);
  await eventually(() => asked === 4, 'it is asked');
  await clock.advance(600_000);
  expect([asked, beats()]).toEqual([4, 3]);
  answer();
  await eventually(() => beats() === 4, 'it beats again');
});

test('a patient watchdog is told no more often than it takes', async () => {
  const { clock, asleep } = watchedClock();
  const { add } = await open('0.1.0', { watchdogMs: 120_000, clock });
  let asked = 0;
  add(part({ alive: async () => void (asked += 1) }));
  const beats = () => told().split('WATCHDOG=1').length - 1;
  await asleep();
  await clock.advance(10_000);
  await eventually(() => beats() === 1, 'it beats');
  for (let tens = 1; tens <= 9; tens += 1) {
    const before = asked;
    await asleep();
    await clock.advance(10_000);
    await eventually(() => asked > before && beats() === 1 + Math.floor(tens / 4), `the beats of ${tens}0 s`);
  }
});

test('what an agent has to have', () => {
  const check = (health: AgentHealth, needs: readonly Need[], expected: string | undefined) =>
    expect(agentTrouble(health, needs)).toEqual(expected === undefined ? undefined : expect.stringContaining(expected));
  check({ engine: undefined, link: true }, [], 'not answered yet');
  check({ engine: false, link: true }, ['engine'], 'does not answer');
  check({ engine: false, link: true }, ['link'], undefined);
  check({ engine: true, link: false }, ['engine', 'link'], 'no link');
  check({ engine: true, link: false }, ['engine'], undefined);
  check({ engine: true, link: true }, ['engine', 'link'], undefined);
  expect([agentHas({ engine: true, link: true }), agentHas({ engine: undefined, link: false })]).toEqual([
    ['engine', 'link'],
    [],
  ]);
});

test('a service that nobody manages and that is installed nowhere owes nothing', async () => {
  const log = logTo((line) => (said += line), 'debug', 'json');
  const free = await openService({
    mode: 'agent',
    installed: undefined,
    manager: undefined,
    dataDir: '/nonexistent',
    partCount: 1,
    clock: systemClock,
    log,
  });
  free.add(part());
  await free.stop();
  expect([free.onTrial, said]).toEqual([false, '']);
});
