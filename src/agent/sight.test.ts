import { expect, test } from 'vitest';
import { observedContainer } from '../../test/support/observed-container.ts';
import type { ObservedContainer } from './plan/observed.ts';
import { createSight } from './sight.ts';

const { signal } = new AbortController();

const container = (podUid: string, attempt: number) =>
  observedContainer({ id: `${podUid}-${attempt}`, podUid, podName: podUid, attempt });

test('a look at everything that began earlier takes back nothing of what a look at one pod has seen since', async () => {
  const answers: ((found: readonly ObservedContainer[]) => void)[] = [];
  const sight = createSight({
    runtime: {
      where: 'unix:///fake.sock',
      list: () => new Promise((resolve) => answers.push(resolve)),
      images: async () => new Map(),
    },
    wiring: { observe: async () => new Map() },
    volumes: { list: async () => [], adrift: async () => new Set() },
    hostAddress: () => undefined,
    lastWords: async () => undefined,
  });
  const attempts = () => [...sight.observed().pods.values()].flatMap((pod) => pod.containers.map(({ id }) => id)).toSorted();
  const all = sight.lookAtAll(signal);
  const grown = sight.lookAtPod('a', signal);
  const gone = sight.lookAtPod('b', signal);
  answers[1]?.([container('a', 1)]);
  answers[2]?.([]);
  await Promise.all([grown, gone]);
  answers[0]?.([container('a', 0), container('b', 0), container('c', 0)]);
  await all;
  expect(attempts()).toEqual(['a-1', 'c-0']);
  const next = sight.lookAtAll(signal);
  answers[3]?.([container('c', 0)]);
  await next;
  expect(attempts()).toEqual(['c-0']);
});
