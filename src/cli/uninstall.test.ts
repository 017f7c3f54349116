import { expect, test } from 'vitest';
import type { Uninstalled } from '#install/uninstall.ts';
import { uninstalledText } from './uninstall.ts';

test('a node that its server still knows is told, by name; where there is none, or nothing was done, nothing is', () => {
  const none: Uninstalled = { changed: true, cleared: { removed: [], left: [] }, left: undefined };
  const text = (more: Partial<Uninstalled>, purge = true) => uninstalledText({ ...none, ...more }, '/data', purge);
  expect(text({})).toBe('skerry is uninstalled\n');
  const known = text({ left: 'edge-7' }, false);
  expect(known).toMatch(
    /its data is kept in \/data.*\nNode edge-7 remains in its cluster: `kubectl delete node edge-7` on the server removes it .*skerry reset/,
  );
  expect(text({ left: 'edge-7', changed: false })).not.toContain('edge-7');
});
