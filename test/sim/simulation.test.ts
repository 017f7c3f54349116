import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { SimNode } from './sim-node.ts';
import { simulate } from './simulation.ts';
import type { Spoil } from './spoil.ts';

/** Seeds of every day; `npm run sim -- --seed N` tells the story of one, `--seeds 1000` runs many. */
const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

test.each(SEEDS)('seed %i: no promise is broken, and all converges', async (seed) => {
  const { violation } = await simulate(seed);
  expect(violation, `npm run sim -- --seed ${seed}`).toBeUndefined();
});

test('the same seed tells the same story', async () => {
  const [first, second] = [await simulate(7), await simulate(7)];
  expect(first.hash).toBe(second.hash);
  expect(first.trace.length).toBeGreaterThan(20);
});

/** Parts that are broken on purpose, each so that one invariant does not hold. */
describe('what is broken is noticed', () => {
  async function checkNoticed(spoil: Spoil, expected: RegExp): Promise<void> {
    const found: string[] = [];
    for (let seed = 1; seed <= 30 && !found.some((violation) => expected.test(violation)); seed++) {
      const { violation } = await simulate(seed, { spoil });
      if (violation !== undefined) found.push(violation);
    }
    expect(found.at(-1)).toMatch(expected);
  }

  const spoilDatabase = (statement: string): Spoil => ({
    database: (file) => {
      const database = new Sqlite(file);
      const isNew = database.prepare('SELECT name FROM sqlite_schema').all().length === 0;
      if (!isNew) database.exec(statement);
      database.close();
    },
  });

  test('an acknowledged write that is not on the disk', () =>
    checkNoticed(spoilDatabase("DELETE FROM object WHERE key LIKE 'configmaps/%'"), /^lost: configmaps\/default\//));

  test('a database that does not know how far it was', () =>
    checkNoticed(
      // Nothing but that: each object agrees with its row.
      spoilDatabase(`DELETE FROM meta WHERE name = 'reserved'; UPDATE object SET revision = 1,
        value = CAST(json_set(CAST(value AS TEXT), '$.metadata.resourceVersion', '1') AS BLOB)`),
      /^revision: a start went back/,
    ));

  const spoilContainers = (deed: (runtime: Runtime, node: SimNode, id: string) => Promise<void>): Spoil => ({
    runtime: (runtime, node) => ({
      ...runtime,
      start: async (id, signal) => {
        await runtime.start(id, signal);
        await deed(runtime, node, id);
      },
    }),
  });
  const never = new AbortController().signal;

  test('a container that is stopped though nobody let it go', () =>
    checkNoticed(
      spoilContainers((runtime, _, id) => runtime.signalContainer(id, 'SIGKILL', never)),
      /^stopped: .*which nobody has let go/,
    ));

  test('a container that is started twice', () =>
    checkNoticed(
      spoilContainers(async (runtime, { host }, id) => {
        host.engine.exit(id, 0);
        await runtime.start(id, never);
      }),
      /^again: .* a second time/,
    ));

  test('an engine that never answers again', () =>
    checkNoticed(
      {
        healed: ([node]) => {
          Object.defineProperty(node?.host.engine, 'fault', { value: { type: 'hang' } });
        },
      },
      /^did not converge: /,
    ));

  test('two pods with one address', () =>
    checkNoticed(
      {
        runtime: (runtime, { host }) => ({
          ...runtime,
          start: async (id, signal) => {
            for (const [uid, { sandboxId }] of host.wired) host.wired.set(uid, { sandboxId, address: '10.32.0.9' });
            await runtime.start(id, signal);
          },
        }),
      },
      /^twice: .* to two pods/,
    ));

  test('a pod that is taken for ready as soon as there is word of it', () =>
    checkNoticed(
      { readiness: (readiness) => ({ ...readiness, isReady: (uid) => readiness.status(uid) !== undefined }) },
      /^dead: .* was (not seen to run|heard to die)/,
    ));

  test('a pod that is taken for ready though it fails its probe', () =>
    checkNoticed(
      {
        readiness: (readiness) => ({
          ...readiness,
          isReady: (uid) => readiness.status(uid)?.containerStatuses?.some(({ state }) => state?.running !== undefined) === true,
        }),
      },
      /^dead: .* fails its probe/,
    ));

  test('a pod that has ended and is taken for one that runs', () =>
    checkNoticed(
      {
        readiness: (readiness) => ({
          ...readiness,
          status: (uid) => {
            const status = readiness.status(uid);
            return status && { ...status, phase: 'Running' };
          },
        }),
      },
      /^(dead: .* has (ended|run to its end)|did not converge: \S+ leads )/,
    ));

  test('a node that is led to though there is no path to it', () =>
    checkNoticed({ path: (path) => (path === 'none' ? 'found' : path) }, /^dead: .* to where there is no path/));

  test('containers that never come to rest', () => {
    let isHealed = false;
    return checkNoticed(
      {
        healed: () => {
          isHealed = true;
        },
        runtime: (runtime, { host }) => ({
          ...runtime,
          list: async (uid, signal) => {
            const found = await runtime.list(uid, signal);
            const app = found.find(({ name, state }) => name === 'app' && state === 'running');
            if (isHealed && uid === undefined && app !== undefined) host.engine.exit(app.id, 0);
            return found;
          },
        }),
      },
      /^did not (converge|rest|stay converged): /,
    );
  });
});
