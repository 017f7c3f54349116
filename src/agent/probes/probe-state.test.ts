import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  UNPROBED,
  afterOutcome,
  firstDelayMs,
  isSettled,
  nextDelayMs,
  type FirstProbe,
  type ProbeOutcome,
} from './probe-state.ts';

/** `+` success, `!` warning, `-` failure, `?` unknown: what counts after each, `.` for nothing yet. */
function checkVerdicts(
  thresholds: { readonly success?: number; readonly failure?: number },
  found: string,
  expected: string,
): void {
  const results: Readonly<Record<string, ProbeOutcome['result']>> = {
    '+': 'success',
    '!': 'warning',
    '-': 'failure',
    '?': 'unknown',
  };
  let state = UNPROBED;
  const verdicts = Array.from(found).map((sign) => {
    const { success: successThreshold = 1, failure: failureThreshold = 3 } = thresholds;
    state = afterOutcome({ successThreshold, failureThreshold }, state, results[sign] ?? 'unknown');
    return state.verdict === undefined ? '.' : state.verdict === 'success' ? '+' : '-';
  });
  expect(verdicts.join('')).toBe(expected);
}

test('what is found counts once it was found often enough in a row', () => {
  checkVerdicts({}, '+--+---+', '++++++-+');
  checkVerdicts({}, '--', '..');
  checkVerdicts({ failure: 1 }, '-+-', '-+-');
  checkVerdicts({ success: 2 }, '+-++-+---+', '...+++++--');
  checkVerdicts({ failure: 2 }, '-!-!', '.+++');
  checkVerdicts({ failure: 3 }, '-?-??-', '.....-');
});

test('never fewer tries than its threshold turn a verdict, and nothing learnt turns none', () => {
  const result = fc.constantFrom<ProbeOutcome['result']>('success', 'warning', 'failure', 'unknown');
  fc.assert(
    fc.property(fc.array(result), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (results, success, failure) => {
      let state = UNPROBED;
      const heard: string[] = [];
      for (const found of results) {
        const next = afterOutcome({ successThreshold: success, failureThreshold: failure }, state, found);
        if (found !== 'unknown') heard.push(found === 'failure' ? 'failure' : 'success');
        if (next.verdict !== state.verdict) {
          expect(found).not.toBe('unknown');
          const run = heard.slice(-(next.verdict === 'failure' ? failure : success));
          expect(run.length).toBe(next.verdict === 'failure' ? failure : success);
          expect(run.every((one) => one === next.verdict)).toBe(true);
        }
        state = next;
      }
    }),
  );
});

test('startup is over with its first verdict, liveness with a failure, readiness never', () => {
  const settled = (['startup', 'liveness', 'readiness'] as const).map((kind) =>
    ([undefined, 'success', 'failure'] as const).map((verdict) => isSettled(kind, { ...UNPROBED, verdict })),
  );
  expect(settled).toEqual([
    [false, true, true],
    [false, false, true],
    [false, false, false],
  ]);
});

function checkFirst(change: Partial<FirstProbe>, expected: number): void {
  const probe = { initialDelaySeconds: 0, periodSeconds: 10 };
  const first: FirstProbe = { kind: 'readiness', probe, containerAgeMs: 200, agentAgeMs: 3_600_000, chance: 0.5, ...change };
  expect(firstDelayMs(first)).toBe(expected);
}

test('the first try: after its delay, spread after a start of the agent, and never later for a clock that was set', () => {
  const late = { initialDelaySeconds: 30, periodSeconds: 10 };
  checkFirst({}, 0);
  checkFirst({ kind: 'startup' }, 0);
  checkFirst({ kind: 'liveness' }, 10_000);
  checkFirst({ probe: late }, 29_800);
  checkFirst({ probe: late, kind: 'liveness' }, 29_800);
  checkFirst({ probe: late, containerAgeMs: -86_400_000 }, 30_000);
  checkFirst({ probe: late, containerAgeMs: 86_400_000 }, 0);
  const adopted = { containerAgeMs: 60_000, agentAgeMs: 100 };
  checkFirst(adopted, 5_000);
  checkFirst({ ...adopted, kind: 'liveness' }, 5_000);
  checkFirst({ ...adopted, kind: 'liveness', chance: 0.01 }, 100);
  checkFirst({ agentAgeMs: 1_000 }, 0);
});

test('tries begin a period apart; those missed are not made up for', () => {
  expect([0, 400, 9_999, 10_000, 25_000].map((tookMs) => nextDelayMs({ periodSeconds: 10 }, tookMs))).toEqual([
    10_000, 9_600, 1, 10_000, 5_000,
  ]);
  expect(nextDelayMs({ periodSeconds: 0 }, 0)).toBe(1_000);
});
