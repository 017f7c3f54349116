import { createPrivateKey } from 'node:crypto';
import { loadOrJoin, type Identity, type IdentityOptions } from '#agent/identity.ts';
import { parseJoinToken } from '#api/join-token.ts';
import { systemClock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { systemIds as ids } from '#lib/ids.ts';
import { publicKeyHash, publicKeyPem } from '#net/tls/key-hash.ts';
import type { JoinWorld } from './join-world.ts';

/** A machine that joins a JoinWorld's server: what it is started with, and what it has become. */

const never = new AbortController().signal;

export function joinOptions(world: JoinWorld, token: string, more: Partial<IdentityOptions> = {}): IdentityOptions {
  return {
    server: world.url,
    token,
    dataDir: world.folder(),
    nodeName: 'n1',
    hostname: 'Board-7',
    labels: { site: 'harbour' },
    networks: ['192.168.1.0/24'],
    release: '0.1.0',
    clock: systemClock,
    ids,
    ...more,
  };
}

/** As if the flags had not been given. */
export function without(options: IdentityOptions, ...names: readonly string[]): IdentityOptions {
  // Sound: only optional ones are left out.
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name))) as IdentityOptions;
}

export const joinNode = async (world: JoinWorld, more: Partial<IdentityOptions> = {}): Promise<Identity> =>
  loadOrJoin(joinOptions(world, await world.token(), more), never);
export const nodeOf = (world: JoinWorld, name = 'n1') => world.store.view().get('nodes', '', name);
export const failure = async (promise: Promise<unknown>): Promise<{ readonly code: string; readonly text: string }> => {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  return { code: (error as { code?: string })?.code ?? 'none', text: explain(error) };
};
export const keyOf = (identity: Identity) => publicKeyHash(createPrivateKey(identity.key));
export const joinRequest = (name: string, key: string, token: string) => {
  const { id, secret } = parseJoinToken(token);
  return { token: { id, secret }, node: name, publicKey: publicKeyPem(key), labels: {}, networks: [], release: '0' };
};
