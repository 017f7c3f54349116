import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { startJoinWorld, type JoinWorld } from '../../test/support/join-world.ts';
import { leave, loadOrJoin, type Identity } from '../agent/identity.ts';
import { systemClock } from '../lib/clock.ts';
import { systemIds as ids } from '../lib/ids.ts';
import { newKey } from '../net/tls/certificates.ts';
import { selfSignedCertificate } from '../net/tls/node-certificate.ts';
import { publicKeyHash } from '../net/tls/key-hash.ts';

const never = new AbortController().signal;

const keyHashOf = (identity: Identity) => publicKeyHash(createPrivateKey(identity.key));
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'left',
    (error: { readonly code?: string }) => error.code,
  );

async function joinNode(world: JoinWorld, nodeName: string, token?: string): Promise<Identity> {
  const identity = await loadOrJoin(
    {
      server: world.url,
      token: token ?? (await world.token()),
      dataDir: world.folder(),
      nodeName,
      hostname: nodeName,
      labels: {},
      networks: [],
      release: '0.1.0',
      clock: systemClock,
      ids,
    },
    never,
  );
  await eventually(() => 'node' in world.keys.nodeOf(keyHashOf(identity)), 'its key is known');
  return identity;
}

test('a node that leaves is gone with its key, and nobody else is; a second time it is not known', async () => {
  const world = await startJoinWorld();
  const one = await joinNode(world, 'n1');
  const two = await joinNode(world, 'n2');
  const names = () =>
    world.store
      .view()
      .list('nodes')
      .map(({ metadata }) => metadata.name);
  expect(await codeOf(leave(one, systemClock, never))).toBe('left');
  expect(names()).toEqual(['n2']);
  expect(world.store.view().get('secrets', 'kube-system', 'node-key-n1')).toBeUndefined();
  await eventually(() => world.revoked.includes('n1'), 'its connections end');
  expect(await codeOf(leave(one, systemClock, never))).toBe('Unauthorized');
  expect(names()).toEqual(['n2']);
  expect('node' in world.keys.nodeOf(keyHashOf(two))).toBe(true);
});

test('who has no node’s key makes nobody leave, nor a machine whose place another has taken', async () => {
  const world = await startJoinWorld();
  const lost = await joinNode(world, 'n1');
  const key = newKey();
  const stranger = { ...lost, key, certificate: selfSignedCertificate('n1', key, ids) };
  expect(await codeOf(leave(stranger, systemClock, never))).toBe('Unauthorized');
  await joinNode(world, 'n1', await world.token({ replaces: 'n1' }));
  expect(await codeOf(leave(lost, systemClock, never))).toBe('Unauthorized');
  expect(await codeOf(leave({ ...lost, pins: ['0'.repeat(64)] }, systemClock, never))).toBe('WrongServer');
  expect(world.store.view().get('nodes', '', 'n1')).toBeDefined();
});
