import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from '../../scripts/demo/stage.ts';
import { STEPS } from '../../scripts/demo/steps.ts';
import { createLab } from '../../scripts/lab/lab.ts';
import { kubectl } from '../support/kubectl.ts';

/** The demo's story as assertions: each step throws when what it shows is not so, and later steps need the earlier ones. */

let stage: Stage;
let broken: string | undefined;

beforeAll(async () => {
  stage = createStage(await createLab({ nodes: 3 }), kubectl('1.36'), () => undefined);
});

afterAll(() => stage.lab.remove());

for (const { title, run } of STEPS) {
  test(title, async () => {
    expect(broken, 'an earlier step of the story failed').toBeUndefined();
    broken = title;
    await run(stage);
    broken = undefined;
  });
}
