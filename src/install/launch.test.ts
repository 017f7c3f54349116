import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { SHELLS, makeSlotsWorld, secondsUp, thisBoot, type SlotsWorld } from '../../test/support/slots-world.ts';
import { performSteps } from './file-steps.ts';
import { AGENT_HEAP, LAUNCH_SCRIPT } from './launch.ts';
import { trialFile } from './layout.ts';
import { currentVersion, putSlot, setCurrent, slotExecutable } from './slots.ts';
import { beginTrialSteps, endTrial, readGoneBack, readTrial } from './trial.ts';

let world: SlotsWorld;

beforeEach(() => {
  world = makeSlotsWorld(['0.1.0']);
});
afterEach(() => world.remove());

/** 0.2.0 is current, and on trial. */
function beginTrial(body?: string): void {
  const { layout } = world;
  putSlot(layout, world.executable('0.2.0', body), '0.2.0');
  performSteps(beginTrialSteps(layout, 'server', { to: '0.2.0', back: '0.1.0', needs: [], limitSeconds: 600 }));
  setCurrent(layout, '0.2.0');
}

function writeTrial(text: string): void {
  writeFileSync(trialFile(world.layout, 'server'), text);
}

test('shellcheck finds nothing', () => {
  execFileSync('shellcheck', ['--shell=sh', '-'], { input: LAUNCH_SCRIPT });
});

describe.each(SHELLS.map((shell) => ({ shell, name: shell.join(' ') })))('launch under $name', ({ shell }) => {
  const run = async () => (await world.launch(shell)).version;

  test('without a trial it starts what is current, as often as it is asked', async () => {
    for (let start = 0; start < 5; start += 1) expect(await run()).toBe('0.1.0');
    expect(readdirSync(world.layout.lib).toSorted()).toEqual(['current', 'launch', 'slots']);
  });

  test('an agent is given what it lives on, whoever starts it, and what was said goes before that', () => {
    putSlot(world.layout, world.executable('0.2.0', 'echo "$MALLOC_ARENA_MAX"; printf "%s\\n" "$@"'), '0.2.0');
    setCurrent(world.layout, '0.2.0');
    const [program = '', ...first] = shell;
    const start = (env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
      execFileSync(program, [...first, world.layout.launch, ...args], { env: { PATH: process.env['PATH'], ...env } });
    expect(start({}, 'agent', '--flag', 'a b').toString()).toBe(`1\nagent\n${AGENT_HEAP}\n--flag\na b\n`);
    expect(start({ MALLOC_ARENA_MAX: '2' }, 'agent').toString()).toBe(`2\nagent\n${AGENT_HEAP}\n`);
    expect(start({}, 'server', 'a b').toString()).toBe('\nserver\na b\n');
  });

  test('three starts on trial, then the one before again, for good and with the reason', async () => {
    beginTrial();
    for (let start = 1; start <= 3; start += 1) {
      expect(await run()).toBe('0.2.0');
      expect(readTrial(world.layout, 'server')).toMatchObject({
        starts: start,
        to: '0.2.0',
        back: '0.1.0',
        needs: [],
        boot: thisBoot(),
      });
    }
    const { version, errors } = await world.launch(shell);
    expect([version, errors]).toEqual([
      '0.1.0',
      expect.stringMatching(/0\.2\.0 is taken back, 0\.1\.0 is started: it was started 3 times/),
    ]);
    expect(readlinkSync(world.layout.current)).toBe('slots/0.1.0');
    expect(readGoneBack(world.layout)).toEqual({
      to: '0.2.0',
      back: '0.1.0',
      why: 'it was started 3 times and did not become healthy',
      when: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(existsSync(trialFile(world.layout, 'server'))).toBe(false);
    expect(await run()).toBe('0.1.0');
    // Nor is it what anything goes back to: not where the good one is damaged, nor in a later trial whose file is.
    expect(readdirSync(world.layout.slots)).toEqual(['0.1.0']);
    rmSync(slotExecutable(world.layout, '0.1.0'));
    expect(await world.launch(shell)).toMatchObject({ version: undefined, code: 1 });
  });

  test('once it is confirmed nothing is counted any more', async () => {
    beginTrial();
    expect(await run()).toBe('0.2.0');
    endTrial(world.layout, 'server');
    for (let start = 0; start < 5; start += 1) expect(await run()).toBe('0.2.0');
  });

  test("the deadline is this boot's: past it is gone back, of another boot it begins anew", async () => {
    beginTrial();
    writeTrial(`to=0.2.0\nback=0.1.0\nlimit=600\nstarts=1\nneeds=link\nnew=kept\nboot=of-another\nuntil=1\n`);
    expect(await run()).toBe('0.2.0');
    const { untilSeconds = 0, ...trial } = readTrial(world.layout, 'server') ?? {};
    expect(trial).toMatchObject({ starts: 2, boot: thisBoot(), needs: ['link'] });
    expect(Math.abs(untilSeconds - secondsUp() - 600)).toBeLessThan(30);
    expect(readFileSync(trialFile(world.layout, 'server'), 'utf8')).toContain('new=kept');
    writeTrial(`to=0.2.0\nback=0.1.0\nlimit=600\nstarts=1\nboot=${thisBoot()}\nuntil=${secondsUp() - 1}\n`);
    expect(await run()).toBe('0.1.0');
    expect(readGoneBack(world.layout)?.why).toBe('it did not become healthy within 600 s');
  });

  test('a process that is still not healthy at the deadline is ended, and the next start goes back', async () => {
    beginTrial('exec sleep 300');
    rmSync(slotExecutable(world.layout, '0.2.0'));
    putSlot(world.layout, world.executable('0.2.0', `echo "0.2.0 $*"; while :; do sleep 1; done`), '0.2.0');
    writeTrial(`to=0.2.0\nback=0.1.0\nlimit=1\nstarts=0\n`);
    const child = world.launchInBackground(shell);
    const signal = await new Promise((resolve) => child.once('exit', (_code, name) => resolve(name)));
    expect(signal).toBe('SIGKILL');
    expect(await run()).toBe('0.1.0');
  });

  test('a process that is confirmed in time is left alone by the guard, which ends', async () => {
    beginTrial(`echo "0.2.0 $*"; while :; do sleep 1; done`);
    writeTrial(`to=0.2.0\nback=0.1.0\nlimit=3\nstarts=0\n`);
    const child = world.launchInBackground(shell);
    try {
      const dead = () => child.exitCode !== null || child.signalCode !== null;
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      endTrial(world.layout, 'server');
      const deadline = secondsUp() + 6;
      await eventually(() => secondsUp() > deadline || dead(), 'the time is over', 15_000);
      expect(dead()).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test.each([
    ['', '0.2.0'],
    ['\0\0\0\0', '0.2.0'],
    ['to=0.2.0', '0.2.0'],
    ['to=../../../bin\nback=/bin/sh\nstarts=$(reboot)\nuntil=08\nboot=*', '0.2.0'],
    ['to=0.2.0\nback=0.1.0\nstarts=99999999999999999999\n', '0.2.0'],
    ['to=0.2.0\nback=0.9.9\nstarts=3\n', '0.1.0'],
    ['to=0.9.9\nback=0.1.0\nstarts=3\n', '0.2.0'],
    [`to=0.2.0\nback=0.2.0\nstarts=7`, '0.1.0'],
    ['x'.repeat(100_000), '0.2.0'],
  ])('a damaged trial stops no start: %j', async (text, expected) => {
    beginTrial();
    writeTrial(text);
    expect(await run()).toBe(expected);
    for (let start = 0; start < 4; start += 1) expect(await run()).toMatch(/^0\.[12]\.0$/);
  });

  test('a slot that can not be run, or a link to nowhere, is not insisted on', async () => {
    beginTrial();
    chmodSync(slotExecutable(world.layout, '0.2.0'), 0o644);
    expect(await run()).toBe('0.1.0');
    beginTrial();
    writeFileSync(slotExecutable(world.layout, '0.2.0'), '');
    expect(await run()).toBe('0.1.0');
    beginTrial();
    rmSync(world.layout.current);
    // Nobody would count the starts of the one on trial.
    expect(await run()).toBe('0.1.0');
    endTrial(world.layout, 'server');
    setCurrent(world.layout, '0.1.0');
    rmSync(join(world.layout.slots, '0.1.0'), { recursive: true });
    expect(await run()).toBe('0.2.0');
    rmSync(world.layout.slots, { recursive: true });
    expect(await world.launch(shell)).toMatchObject({
      version: undefined,
      code: 1,
      errors: expect.stringMatching(/install skerry anew/),
    });
  });

  test('a trial of the other mode, or one that was never switched to, is none', async () => {
    performSteps(beginTrialSteps(world.layout, 'agent', { to: '0.1.0', back: '0.0.1', needs: [], limitSeconds: 600 }));
    performSteps(beginTrialSteps(world.layout, 'server', { to: '0.2.0', back: '0.1.0', needs: [], limitSeconds: 600 }));
    for (let start = 0; start < 5; start += 1) expect(await run()).toBe('0.1.0');
    expect(currentVersion(world.layout)).toBe('0.1.0');
  });
});
