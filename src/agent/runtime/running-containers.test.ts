import { expect, test } from 'vitest';
import { observedContainer } from '../../../test/support/observed-container.ts';
import type { ObservedContainer } from '../plan/observed.ts';
import { createRunningContainers, type RunningContainers } from './running-containers.ts';

const container = (state: ObservedContainer['state']) => observedContainer({ id: 'x', state });

/** Whether an inspect that found this is known after what happened before it was begun, before its answer, and after. */
function check(
  [before, during, after]: readonly [string, string, string],
  isKnown: boolean,
  state: ObservedContainer['state'] = 'running',
): void {
  const running = createRunningContainers();
  happen(running, before);
  const asked = running.ask('x');
  happen(running, during);
  running.note(container(state), asked);
  happen(running, after);
  expect(running.known('x') !== undefined, `${before}; ${during}; ${after}; ${state}`).toBe(isKnown);
}

function happen(running: RunningContainers, what: string): void {
  if (what === 'listening') running.listening();
  else if (what === 'deaf') running.deaf();
  else if (what === 'another look') running.note(container('running'), running.ask('x'));
  else if (what !== '') running.heard(what);
}

test('what runs is known while the engine is heard, and has said nothing of it since it was asked', () => {
  check(['listening', '', ''], true);
  check(['listening', 'y', 'y'], true);
  check(['listening', '', ''], false, 'exited');
  check(['listening', '', ''], false, 'created');
  check(['', '', ''], false);
  check(['', 'listening', ''], false);
  check(['listening', 'x', ''], false);
  check(['listening', '', 'x'], false);
  check(['listening', 'deaf', ''], false);
  check(['listening', 'listening', ''], false);
  check(['listening', '', 'deaf'], false);
  check(['listening', '', 'listening'], false);
  check(['listening', 'another look', ''], true);
});
