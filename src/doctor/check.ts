import type { Verdict } from './finding.ts';
import type { Scene } from './scene.ts';

/** A check: facts are gathered by a thin function from what the scene lends, and judged by a pure one. */
export type Check = {
  readonly name: string;
  readonly look: (scene: Scene, signal: AbortSignal) => Promise<readonly Verdict[]>;
};

export function check<F>(
  name: string,
  gather: (scene: Scene, signal: AbortSignal) => Promise<F>,
  judge: (facts: F) => readonly Verdict[],
): Check {
  return { name, look: async (scene, signal) => judge(await gather(scene, signal)) };
}
