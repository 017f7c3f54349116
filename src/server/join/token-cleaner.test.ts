import { expect, test } from 'vitest';
import { World } from '../../../test/support/view-of.ts';
import { newJoinToken } from '../../api/join-token.ts';
import { seededIds } from '../../lib/ids.ts';
import { EXPIRED_TOKEN_KEPT_MS, joinTokenCleaner } from './token-cleaner.ts';

const TTL_MS = 60_000;

test('a join token goes a day after it expired, and no other secret ever does', () => {
  const world = new World();
  const { secret } = newJoinToken({ caKeyHash: '0f'.repeat(32), ttlMs: TTL_MS, uses: 1, ids: seededIds(1), now: 0 });
  const key = `kube-system/${secret.metadata.name}`;
  world.add('secrets', secret);
  world.add('secrets', { ...secret, metadata: { ...secret.metadata, name: 'forged', namespace: 'default' } });
  world.add('secrets', { ...secret, metadata: { ...secret.metadata, name: 'opaque' }, type: 'Opaque' });
  expect(joinTokenCleaner.keys(world.view())).toEqual([key]);
  expect(world.run(joinTokenCleaner, key, TTL_MS + EXPIRED_TOKEN_KEPT_MS - 1).afterMs).toBe(1);
  world.run(joinTokenCleaner, 'kube-system/opaque', TTL_MS + EXPIRED_TOKEN_KEPT_MS);
  expect(world.story).toEqual([]);
  world.run(joinTokenCleaner, key, TTL_MS + EXPIRED_TOKEN_KEPT_MS);
  expect(world.story).toEqual([`delete secrets ${secret.metadata.name}`]);
});
