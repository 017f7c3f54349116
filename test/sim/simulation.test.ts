import { describe, expect, test } from 'vitest';
import { simulate, type World } from './simulation.ts';

/** Seeds of every day; `node test/sim/main.ts --seed N` tells the story of one, `--seeds 1000` runs many. */
const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

test.each(SEEDS)('seed %i: no promise is broken, and all converges', async (seed) => {
  const { violation } = await simulate(seed);
  expect(violation, `node test/sim/main.ts --seed ${seed}`).toBeUndefined();
});

test('the same seed tells the same story', async () => {
  const [first, second] = [await simulate(7), await simulate(7)];
  expect(first.hash).toBe(second.hash);
  expect(first.trace.length).toBeGreaterThan(20);
});

/** Parts that are spoiled, each so that one invariant is broken. */
describe('what is broken is noticed', () => {
  async function checkNoticed(sabotage: (world: World) => void, expected: RegExp): Promise<void> {
    const found: string[] = [];
    for (let seed = 1; seed <= 30 && found.length === 0; seed++) {
      const { violation } = await simulate(seed, { sabotage });
      if (violation !== undefined) found.push(violation);
    }
    expect(found[0]).toMatch(expected);
  }

  test('an acknowledged write that is not kept', () =>
    checkNoticed(({ history }) => {
      history.acknowledged('configmaps/never-written', { seq: 1 }, undefined);
    }, /^lost: configmaps\/never-written/));

  test('a container that is stopped though nobody let it go', () =>
    checkNoticed(({ history }) => {
      Object.assign(history, { isReleased: () => false });
    }, /which nobody has let go/));

  test('a container that is started twice', () =>
    checkNoticed(({ nodes }) => {
      for (const { host } of nodes) {
        const { starts } = host.engine;
        Object.defineProperty(host.engine, 'starts', { get: () => [...starts, ...starts.slice(0, 1)] });
      }
    }, /a second time/));

  test('a node that never takes its document', () =>
    checkNoticed(({ pair, nodes }) => {
      const { heal } = pair.faults;
      Object.assign(pair.faults, {
        heal: (name: string) => (name === nodes[0]?.name ? pair.faults.blackHole(name) : heal(name)),
      });
    }, /^did not converge/));
});
