import fc from 'fast-check';
import { expect, test } from 'vitest';
import { World } from '../../../../test/support/view-of.ts';
import { makeReady, settle } from '../../../../test/support/workload-world.ts';
import type { Deployment } from '../../../api/kinds/deployment.ts';
import { isPodReady, type Pod } from '../../../api/kinds/pod.ts';
import type { ReplicaSet } from '../../../api/kinds/replica-set.ts';
import type { Controller } from '../controller.ts';
import { replicaSetController } from '../replica-set.ts';
import { deploymentController } from './deployment.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const CONTROLLERS = [deploymentController, replicaSetController];

type Words = Partial<NonNullable<Deployment['spec']>> & { readonly image?: string };

function aDeployment({ image = 'app:1', ...spec }: Words = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', annotations: { note: 'hello' } },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      ...spec,
    },
  };
}

function worldOf(words: Words = {}): World {
  const world = new World();
  world.add('deployments.apps', aDeployment(words));
  return world;
}

const deployment = (world: World) => world.all('deployments.apps')[0] as Deployment;
const sets = (world: World) => world.all('replicasets.apps') as readonly ReplicaSet[];
const pods = (world: World) => world.all('pods') as readonly Pod[];
const condition = (world: World, type: string) => deployment(world).status?.conditions?.find((each) => each.type === type);
const allReady = (world: World) => makeReady(world, NOW);

function respec(world: World, words: Words): void {
  world.edit<Deployment>('deployments.apps', 'web', (old) => ({
    ...old,
    metadata: { ...old.metadata, generation: (old.metadata.generation ?? 1) + 1 },
    spec: { ...aDeployment(words).spec, ...old.spec, ...specOf(words) } as NonNullable<Deployment['spec']>,
  }));
}

function specOf({ image, ...spec }: Words) {
  return { ...spec, ...(image === undefined ? {} : { template: aDeployment({ image }).spec?.template }) };
}

/** The sets by revision, with their size. */
const sizes = (world: World) =>
  sets(world)
    .map(({ metadata, spec }) => `r${metadata.annotations?.['deployment.kubernetes.io/revision']}: ${spec?.replicas}`)
    .toSorted();

test('a new Deployment gets a set with the template’s hash, and both say what revision it is', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  const [set] = sets(world);
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
  expect(set?.metadata.name).toBe(`web-${hash}`);
  expect(set?.spec?.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
  expect(set?.metadata.annotations).toEqual({
    note: 'hello',
    'deployment.kubernetes.io/desired-replicas': '4',
    'deployment.kubernetes.io/max-replicas': '5',
    'deployment.kubernetes.io/revision': '1',
  });
  expect(deployment(world).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
  expect(deployment(world).status).toMatchObject({
    replicas: 4,
    updatedReplicas: 4,
    readyReplicas: 4,
    availableReplicas: 4,
    observedGeneration: 1,
  });
  expect(condition(world, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
  expect(condition(world, 'Progressing')).toMatchObject({
    status: 'True',
    reason: 'NewReplicaSetAvailable',
    message: `ReplicaSet "web-${hash}" has successfully progressed.`,
  });
  expect(world.notes).toEqual([`Scaled up replica set web-${hash} from 0 to 4`]);
});

test('a rollout moves pod by pod within surge and unavailability, and back again as a new revision', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  respec(world, { image: 'app:2' });
  settle(world, CONTROLLERS, () => NOW, allReady);
  expect(sizes(world)).toEqual(['r1: 0', 'r2: 4']);
  expect(new Set(pods(world).map(({ spec }) => spec?.containers[0]?.image))).toEqual(new Set(['app:2']));
  respec(world, { image: 'app:1' });
  settle(world, CONTROLLERS, () => NOW, allReady);
  expect(sizes(world)).toEqual(['r2: 0', 'r3: 4']);
  const back = sets(world).find(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'] === '3');
  expect(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
  expect(deployment(world).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
});

test('a rollout whose pods never get ready stops within its limits, times out, and gives way to the next', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  respec(world, { image: 'broken' });
  let now = NOW;
  const readyIfGood = (each: World) => makeReady(each, now, ({ spec }) => spec?.containers[0]?.image !== 'broken');
  settle(world, CONTROLLERS, () => now, readyIfGood);
  expect(sizes(world)).toEqual(['r1: 3', 'r2: 2']);
  expect(condition(world, 'Progressing')?.reason).toBe('ReplicaSetUpdated');
  const { afterMs = 0 } = deploymentController.reconcile('default/web', world.view(), now);
  expect(afterMs).toBe(601_000);
  now += afterMs;
  settle(world, CONTROLLERS, () => now, readyIfGood);
  expect(condition(world, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
  respec(world, { image: 'app:3' });
  settle(world, CONTROLLERS, () => now, readyIfGood);
  expect(sizes(world)).toEqual(['r1: 0', 'r2: 0', 'r3: 4']);
  expect(condition(world, 'Progressing')?.reason).toBe('NewReplicaSetAvailable');
});

test('Recreate stops everything old before it starts anything new', () => {
  const world = worldOf({ strategy: { type: 'Recreate' } });
  settle(world, CONTROLLERS, () => NOW, allReady);
  respec(world, { image: 'app:2' });
  settle(
    world,
    CONTROLLERS,
    () => NOW,
    (each) => {
      expect(new Set(pods(each).map(({ spec }) => spec?.containers[0]?.image)).size).toBeLessThanOrEqual(1);
      allReady(each);
    },
  );
  expect(sizes(world)).toEqual(['r1: 0', 'r2: 4']);
});

test('while paused nothing is rolled out, but the size follows; resumed it goes on', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  respec(world, { image: 'app:2', paused: true, replicas: 6 });
  settle(world, CONTROLLERS, () => NOW, allReady);
  expect(sizes(world)).toEqual(['r1: 6']);
  expect(condition(world, 'Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
  respec(world, { paused: false });
  settle(world, CONTROLLERS, () => NOW, allReady);
  expect(sizes(world)).toEqual(['r1: 0', 'r2: 6']);
});

test('a Deployment scaled amid a rollout keeps its sets’ proportions', () => {
  const world = worldOf({ replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
  settle(world, CONTROLLERS, () => NOW, allReady);
  respec(world, { image: 'broken' });
  const readyIfGood = (each: World) => makeReady(each, NOW, ({ spec }) => spec?.containers[0]?.image !== 'broken');
  settle(world, CONTROLLERS, () => NOW, readyIfGood);
  expect(sizes(world)).toEqual(['r1: 8', 'r2: 5']);
  respec(world, { replicas: 15 });
  world.run(deploymentController, 'default/web', NOW);
  expect(sizes(world)).toEqual(['r1: 11', 'r2: 7']);
});

test('only so many old sets are kept, the newest ones', () => {
  const world = worldOf({ revisionHistoryLimit: 2 });
  for (const image of ['app:1', 'app:2', 'app:3', 'app:4', 'app:5']) {
    respec(world, { image });
    settle(world, CONTROLLERS, () => NOW, allReady);
  }
  expect(sizes(world)).toEqual(['r3: 0', 'r4: 0', 'r5: 4']);
});

test('a set of the same name that is another’s makes the hash count the collision', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  const name = sets(world)[0]?.metadata.name ?? '';
  const other = worldOf();
  other.add('replicasets.apps', { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name, namespace: 'default' } });
  settle(other, [deploymentController], () => NOW);
  expect(deployment(other).status?.collisionCount).toBe(1);
  expect(sets(other).map(({ metadata }) => metadata.name)).toHaveLength(2);
});

test('a matching set that nobody controls is adopted and taken over', () => {
  const world = worldOf();
  settle(world, CONTROLLERS, () => NOW, allReady);
  const [set] = sets(world);
  world.edit('replicasets.apps', set?.metadata.name ?? '', (old) => ({
    ...old,
    metadata: { ...old.metadata, ownerReferences: [] },
  }));
  world.story.length = 0;
  settle(world, CONTROLLERS, () => NOW, allReady);
  expect(world.story[0]).toBe(`update replicasets.apps ${set?.metadata.name}`);
  expect(sets(world)).toHaveLength(1);
});

const change = fc.oneof(
  fc.record({ image: fc.constantFrom('app:1', 'app:2', 'app:3', 'broken') }),
  fc.record({ replicas: fc.integer({ min: 0, max: 8 }) }),
);
const limits = fc
  .record({ maxSurge: fc.constantFrom(0, 1, 3, '25%', '100%'), maxUnavailable: fc.constantFrom(0, 1, 2, '25%', '50%') })
  .map((rollingUpdate) => ({ type: 'RollingUpdate', rollingUpdate }));

test('property: a rollout never asks for more than surge allows, never gives up more than may be unavailable, and always arrives', () => {
  fc.assert(
    fc.property(
      limits,
      fc.array(fc.tuple(change, fc.integer({ min: 0, max: 6 })), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat(3)),
      (strategy, changes, dice) => {
        const world = worldOf({ strategy });
        settle(world, CONTROLLERS, () => NOW, allReady);
        const some = (each: World) =>
          makeReady(each, NOW, ({ spec }) => spec?.containers[0]?.image !== 'broken' && dice.next().value === 0);
        for (const [words, rounds] of changes) {
          respec(world, words);
          const scaled = 'replicas' in words;
          for (let round = 0; round < rounds; round += 1) {
            // What has become ready since the sets last looked can be lost by chance; so they look first.
            runAll(world, replicaSetController);
            // A size that was set just before, and that no round has met yet, takes pods as it is.
            const resizes = !isSized(world);
            const available = pods(world).filter(isPodReady).length;
            runAll(world, deploymentController);
            runAll(world, replicaSetController);
            if (!scaled && !resizes) checkLimits(world, available);
            some(world);
          }
        }
        respec(world, { image: 'app:9' });
        settle(world, CONTROLLERS, () => NOW, allReady);
        const active = sets(world).filter(({ spec }) => (spec?.replicas ?? 0) > 0);
        expect(active.length).toBeLessThanOrEqual(1);
        expect(pods(world)).toHaveLength(deployment(world).spec?.replicas ?? 0);
        expect(pods(world).every((pod) => pod.spec?.containers[0]?.image === 'app:9' && isPodReady(pod))).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

function runAll(world: World, controller: Controller): void {
  for (const key of controller.keys(world.view())) world.run(controller, key, NOW);
}

/** All sets were sized for as many replicas as are wanted. */
function isSized(world: World): boolean {
  const { spec } = deployment(world);
  return sets(world).every(
    ({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/desired-replicas'] === String(spec?.replicas ?? 0),
  );
}

/** `before`: how many were available before the round. */
function checkLimits(world: World, before: number): void {
  const { spec } = deployment(world);
  const { maxSurge = 0, maxUnavailable = 0 } = spec?.strategy?.rollingUpdate ?? {};
  const replicas = spec?.replicas ?? 0;
  const amount = (value: number | string, round: (exact: number) => number) =>
    typeof value === 'number' ? value : round((Number(value.slice(0, -1)) * replicas) / 100);
  const surge = amount(maxSurge, Math.ceil);
  const unavailable = surge === 0 ? Math.max(1, amount(maxUnavailable, Math.floor)) : amount(maxUnavailable, Math.floor);
  const asked = sets(world).reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
  if (isSized(world)) expect(asked).toBeLessThanOrEqual(replicas + surge);
  const available = pods(world).filter(isPodReady).length;
  if (available < before) expect(available).toBeGreaterThanOrEqual(replicas - unavailable);
}
