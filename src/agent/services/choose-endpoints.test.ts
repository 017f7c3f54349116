import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseEndpoints, type TrafficPolicy } from './choose-endpoints.ts';
import type { KnownEndpoint } from './service-view.ts';

type Word = 'ready' | 'unready' | 'draining' | 'ended' | 'doubtful' | 'doubtful-draining' | 'doubtful-unready';

const STATES: Readonly<Record<Word, Partial<KnownEndpoint>>> = {
  ready: {},
  unready: { unready: true, notServing: true },
  draining: { unready: true, terminating: true },
  ended: { unready: true, notServing: true, terminating: true },
  doubtful: { isDoubtful: true },
  'doubtful-draining': { isDoubtful: true, unready: true, terminating: true },
  'doubtful-unready': { isDoubtful: true, unready: true, notServing: true },
};

const endpoint = (word: Word, isLocal: boolean): KnownEndpoint => ({
  address: `${word}${isLocal ? '!' : ''}`,
  ports: [],
  node: isLocal ? 'here' : 'there',
  isLocal,
  isDoubtful: false,
  ...STATES[word],
});

/** Those on this node end in `!`. */
function check(policy: TrafficPolicy, texts: string, expected: string): void {
  const endpoints = texts.split(' ').map((text) => endpoint(text.replace('!', '') as Word, text.endsWith('!')));
  expect(
    chooseEndpoints(endpoints, policy)
      .map(({ address }) => address)
      .join(' '),
  ).toBe(expected);
}

test('ready, then draining, then doubtful; only local ones where the policy says so', () => {
  check('Cluster', 'ready ready! unready draining doubtful', 'ready ready!');
  check('Cluster', 'unready draining draining! doubtful ended', 'draining draining!');
  check('Cluster', 'unready doubtful doubtful-draining ended', 'doubtful');
  check('Cluster', 'unready doubtful-unready doubtful-draining', 'doubtful-draining');
  check('Cluster', 'unready! ended doubtful-unready', '');
  check('Local', 'ready ready! unready!', 'ready!');
  check('Local', 'ready draining! unready!', 'draining!');
  check('Local', 'ready unready!', '');
});

test('never one that is not ready and does not drain, never a doubtful one beside another, never none where there is one to use', () => {
  // Which they are is one of the words above.
  const words = fc.constantFrom(...(Object.keys(STATES) as readonly Word[]));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(words, fc.boolean()), { maxLength: 8 }),
      fc.constantFrom<TrafficPolicy>('Cluster', 'Local'),
      (list, policy) => {
        const endpoints = list.map(([word, isLocal]) => endpoint(word, isLocal && !word.startsWith('doubtful')));
        const chosen = chooseEndpoints(endpoints, policy);
        for (const each of chosen) {
          expect(endpoints).toContain(each);
          expect(each.unready !== true || (each.terminating === true && each.notServing !== true)).toBe(true);
          if (policy === 'Local') expect(each.isLocal).toBe(true);
        }
        const usable = endpoints.filter(
          ({ isLocal, address }) => (policy === 'Cluster' || isLocal) && !/unready|ended/.test(address),
        );
        expect(chosen.length > 0).toBe(usable.length > 0);
        expect(new Set(chosen.map(({ isDoubtful }) => isDoubtful)).size).toBeLessThanOrEqual(1);
        if (usable.some(({ isDoubtful }) => !isDoubtful)) expect(chosen.every(({ isDoubtful }) => !isDoubtful)).toBe(true);
        expect(chooseEndpoints(chosen, policy)).toEqual(chosen);
      },
    ),
  );
});
