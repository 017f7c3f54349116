import { expect, test } from 'vitest';
import { NAMES, responderWorld } from '../../../test/support/responder-world.ts';
import { BUDGET_PER_SECOND, FORWARD_COST } from './client-budgets.ts';

const TIMES = 4 * BUDGET_PER_SECOND;

test.each([
  ['names of ours that are not there', 'c.test', 2 * BUDGET_PER_SECOND],
  ['names of others', 'example.com', (2 * BUDGET_PER_SECOND) / FORWARD_COST],
])('who floods with %s never has more than its budget, nor takes another’s', async (_, domain, answered) => {
  const { ask, asked, clock, budgets } = responderWorld(NAMES, () => ({ rcode: 'NXDOMAIN' }));
  const flood = async (times: number) => {
    const all = Array.from({ length: times }, (__, at) => ask(`x-${at}-${clock.monotonic()}.${domain}`, {}, 'udp', '10.32.0.7'));
    await clock.settle();
    return all.filter(({ said }) => said() !== undefined).length;
  };
  // One of a name that is served costs one more than of one that is forwarded.
  const tolerance = answered / 4;
  expect(Math.abs((await flood(TIMES)) - answered)).toBeLessThan(tolerance);
  expect(budgets.overdrawn()).toEqual({ client: '10.32.0.7', refused: expect.any(Number) });
  expect(budgets.overdrawn()).toBeUndefined();
  expect(asked.length).toBeLessThanOrEqual(answered);
  expect(ask('other.c.test', {}, 'udp', '10.32.0.8').said()).toContain('NXDOMAIN');
  // What is known whole costs nothing.
  ask('web.default.svc.c.test', {}, 'udp', '10.32.0.8');
  expect(ask('web.default.svc.c.test', {}, 'udp', '10.32.0.7').said()).toContain('10.96.0.1');
  await clock.advance(1_000);
  expect(Math.abs((await flood(TIMES)) - answered / 2)).toBeLessThan(tolerance);
});
