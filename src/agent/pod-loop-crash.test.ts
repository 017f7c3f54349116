import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFakeNode, NODE_ITEM, podItem, script } from '../../test/support/fake-node.ts';
import type { PodItem } from '#api/link/items.ts';

const SANDBOX = 'skr_POD_web_default_uid-web_0';
const CONTAINER = (container: string) => `skr_${container}_web_default_uid-web_0`;

const STORIES: Readonly<Record<string, { readonly item: PodItem; readonly starts: readonly string[] }>> = {
  'a plain pod': { item: podItem('web'), starts: [SANDBOX, CONTAINER('app')] },
  'an init container': {
    item: podItem('web', { init: [script('exit 0')] }),
    starts: [SANDBOX, CONTAINER('init-0'), CONTAINER('app')],
  },
  'a pod that runs once': {
    item: podItem('web', { containers: [script('exit 0')], spec: { restartPolicy: 'Never' } }),
    starts: [SANDBOX, CONTAINER('app')],
  },
};

for (const [what, { item, starts }] of Object.entries(STORIES)) {
  test(`kill -9 at any moment repeats no start and loses none: ${what}`, async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom<('before' | 'after')[]>('before', 'after'),
      fc.integer({ min: 1, max: 15 }),
      async (first, when, second) => {
        const node = createFakeNode();
        node.engine.addImage('busybox:1');
        await node.boot();
        node.crashAt(first, when);
        await node.set([NODE_ITEM, item]);
        await node.advance(1_000);
        node.crash();
        node.crashAt(second, when);
        await node.boot();
        await node.advance(1_000);
        node.crash();
        node.crashAt(-1, when);
        await node.boot();
        await node.advance(120_000);
        expect(node.engine.starts).toEqual(starts);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
}
