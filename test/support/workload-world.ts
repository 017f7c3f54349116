import type { Pod } from '../../src/api/kinds/pod.ts';
import type { Controller } from '../../src/server/controllers/controller.ts';
import type { World } from './view-of.ts';

/** Runs controllers in turn on every key until a round changes nothing; `between` plays the nodes' part after each round. */
export function settle(
  world: World,
  controllers: readonly Controller[],
  now: () => number,
  between: (world: World) => void = () => undefined,
  roundsMax = 200,
): void {
  for (let round = 0; round < roundsMax; round += 1) {
    const before = world.objects;
    for (const controller of controllers) for (const key of controller.keys(world.view())) world.run(controller, key, now());
    between(world);
    if (JSON.stringify(world.objects) === JSON.stringify(before)) return;
  }
  throw new Error(`not settled after ${roundsMax} rounds: ${world.story.slice(-10).join('; ')}`);
}

/** Every pod, or those chosen, runs and is ready from `now` on. */
export function makeReady(world: World, now: number, chosen: (pod: Pod) => boolean = () => true): void {
  const lastTransitionTime = `${new Date(now).toISOString().slice(0, 19)}Z`;
  for (const pod of world.all('pods') as readonly Pod[]) {
    if (!chosen(pod) || pod.status?.phase === 'Running') continue;
    world.edit<Pod>('pods', pod.metadata.name ?? '', (old) => ({
      ...old,
      status: { ...old.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] },
    }));
  }
}
