import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeSlotsWorld, type SlotsWorld } from '../../test/support/slots-world.ts';
import { performSteps, tellStep, type FileStep } from './file-steps.ts';
import { MODES, trialFile } from './layout.ts';
import { currentVersion, putSlotSteps, setCurrentSteps } from './slots.ts';
import { switchSteps } from './switch.ts';
import { readGoneBack } from './trial.ts';

/** The power goes between any two steps of an upgrade, of an installation and of `launch` itself: one of the two releases is started, always. */
const BOTH = ['0.1.0', '0.2.0'];

async function inWorld(run: (world: SlotsWorld) => Promise<void>): Promise<void> {
  const world = makeSlotsWorld(['0.1.0']);
  try {
    await run(world);
  } finally {
    world.remove();
  }
}

/** Never confirmed: whatever was cut, the old one is back for good after three starts of the new one. */
async function checkStarts({ layout, launch }: SlotsWorld, when: string): Promise<readonly string[]> {
  const started = [];
  for (let start = 0; start < 5; start += 1) {
    const { version, code } = await launch();
    expect([when, code, BOTH.includes(version ?? '')]).toEqual([when, 0, true]);
    started.push(version ?? '');
  }
  expect([when, started.slice(3), currentVersion(layout)]).toEqual([when, ['0.1.0', '0.1.0'], '0.1.0']);
  return started;
}

const upgrade = (world: SlotsWorld): readonly FileStep[] => [
  ...putSlotSteps(world.layout, world.executable('0.2.0'), '0.2.0', 'move'),
  ...switchSteps(world.layout, {
    to: '0.2.0',
    back: '0.1.0',
    trials: MODES.map((mode) => ({ mode, needs: ['engine'], limitSeconds: 600 })),
  }),
];

test('an upgrade that is cut after any of its steps', async () => {
  let count = 0;
  await inWorld(async (world) => void (count = upgrade(world).length));
  for (let cut = 0; cut <= count; cut += 1)
    await inWorld(async (world) => {
      const steps = upgrade(world);
      performSteps(steps.slice(0, cut));
      const last = steps[cut - 1];
      const started = await checkStarts(world, `after ${last === undefined ? 'nothing' : tellStep(last)}`);
      if (cut === count) expect(started.slice(0, 3)).toEqual(['0.2.0', '0.2.0', '0.2.0']);
      // Done again from its beginning it comes through.
      performSteps(upgrade(world));
      expect((await world.launch()).version).toBe('0.2.0');
    });
});

test('an installation over another that is cut after any of its steps', async () => {
  const steps = (world: SlotsWorld) => [
    ...putSlotSteps(world.layout, world.executable('0.1.0', 'echo "0.1.0 $*"; : rebuilt'), '0.1.0'),
    ...setCurrentSteps(world.layout, '0.1.0'),
  ];
  let count = 0;
  await inWorld(async (world) => void (count = steps(world).length));
  for (let cut = 0; cut <= count; cut += 1)
    await inWorld(async (world) => {
      performSteps(steps(world).slice(0, cut));
      expect((await world.launch()).version).toBe('0.1.0');
    });
});

test('nothing gets its name before its bytes are on the disk, and no name is left unsynced', () =>
  inWorld(async (world) => {
    const steps = upgrade(world);
    for (const [at, step] of steps.entries()) {
      if (step.do !== 'rename') continue;
      const before = steps.slice(0, at);
      const isWhole = before.some(
        (earlier) =>
          (earlier.do === 'copy' && earlier.to === step.from) ||
          ((earlier.do === 'symlink' || earlier.do === 'sync-file') && earlier.path === step.from) ||
          (earlier.do === 'rename' && earlier.to === step.from),
      );
      const isSynced = steps.slice(at).some((later) => later.do === 'sync-folder' && later.path === dirname(step.to));
      expect([tellStep(step), isWhole, isSynced]).toEqual([tellStep(step), true, true]);
    }
  }));

/** In place of the programs by which launch changes something; gives the PATH for it. `body`: as a script of sh that has the program's name. */
function makeShims({ layout }: SlotsWorld, programs: readonly string[], body: (program: string) => string): string {
  const folder = join(layout.lib, '../shims');
  mkdirSync(folder);
  for (const program of programs) writeFileSync(join(folder, program), `#!/bin/sh\n${body(program)}\n`, { mode: 0o755 });
  return `${folder}:/usr/bin:/bin`;
}

const CHANGES = ['cat', 'sync', 'mv', 'ln', 'rm'];
/** At the `SHIM_CUT`th call the whole of launch is killed: before or after that has done its work. */
const cutAt = (program: string) => `echo x >>"$SHIM_COUNT"
if [ "$(wc -l <"$SHIM_COUNT")" -ne "$SHIM_CUT" ]; then exec /bin/${program} "$@"; fi
[ "$SHIM_WHEN" = before ] || /bin/${program} "$@"
kill -KILL 0`;

test.each(['before', 'after'])('launch is cut at any of its own writes, %s it is done', async (when) => {
  for (const starts of [0, 3])
    for (let cut = 1; ; cut += 1) {
      let wasCut = false;
      await inWorld(async (world) => {
        const { layout } = world;
        performSteps(upgrade(world));
        const trial = trialFile(layout, 'server');
        writeFileSync(trial, readFileSync(trial, 'utf8').replace('starts=0', `starts=${starts}`));
        const path = makeShims(world, CHANGES, cutAt);
        const child = spawn('dash', [layout.launch, 'server'], {
          detached: true,
          stdio: 'ignore',
          env: { PATH: path, SHIM_COUNT: join(layout.lib, '../count'), SHIM_CUT: String(cut), SHIM_WHEN: when },
        });
        const [, signal] = await once(child, 'exit');
        wasCut = signal === 'SIGKILL';
        await checkStarts(world, `${when} call ${cut} of a start after ${starts}`);
        expect(readGoneBack(layout)).toMatchObject({ to: '0.2.0', back: '0.1.0' });
      });
      if (wasCut) continue;
      expect(cut).toBeGreaterThan(3);
      break;
    }
});

test('what launch counts and changes is synced before it gets its name, and its name before anything is started', () =>
  inWorld(async (world) => {
    performSteps(upgrade(world));
    const calls = join(world.layout.lib, '../calls');
    const path = makeShims(world, CHANGES, (program) => `echo "${program} $*" >>${calls}; exec /bin/${program} "$@"`);
    writeFileSync(join(world.layout.slots, '0.2.0/skerry'), `#!/bin/sh\necho started >>${calls}\n`);
    for (let start = 0; start <= 3; start += 1) await world.launch(['dash'], { PATH: path });
    const lines = readFileSync(calls, 'utf8').replaceAll(`${world.layout.lib}/`, '').trimEnd().split('\n');
    const counted = [
      'cat ',
      'sync trial.server.new',
      'mv -f trial.server.new trial.server',
      `sync ${world.layout.lib}`,
      'started',
    ];
    expect(lines).toEqual([
      ...[1, 2, 3].flatMap(() => counted),
      'cat ',
      'sync gone-back.new',
      'mv -f gone-back.new gone-back',
      `sync ${world.layout.lib}`,
      'rm -f current.new',
      'ln -s slots/0.1.0 current.new',
      'mv -fT current.new current',
      `sync ${world.layout.lib}`,
      'rm -rf slots/0.2.0',
      'rm -f trial.server',
      `sync ${world.layout.lib}`,
    ]);
  }));

test.each([
  { starts: 0, fails: ['cat'] },
  { starts: 3, fails: ['cat'] },
  { starts: 0, fails: ['cat', 'ln', 'mv'] },
  { starts: 3, fails: ['cat', 'ln', 'mv'] },
])('on a full disk, where $fails fail, what can not be counted is not tried: after $starts starts', ({ starts, fails }) =>
  inWorld(async (world) => {
    performSteps(upgrade(world));
    const trial = trialFile(world.layout, 'server');
    writeFileSync(trial, readFileSync(trial, 'utf8').replace('starts=0', `starts=${starts}`));
    const path = makeShims(world, fails, (program) => `echo "${program}: No space left on device" >&2; exit 1`);
    for (let start = 0; start < 4; start += 1)
      expect(await world.launch(['dash'], { PATH: path })).toMatchObject({ version: '0.1.0', code: 0 });
    await checkStarts(world, 'there is room again');
  }),
);
