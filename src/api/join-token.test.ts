import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededIds } from '../lib/ids.ts';
import { joinTokenId, joinTokenState, newJoinToken, parseJoinToken, readTokenId, withOneUseLess } from './join-token.ts';
import { secretResource } from './kinds/secret.ts';

const HASH = '0f'.repeat(32);
const make = (seed: number) => newJoinToken({ caKeyHash: HASH, ttlMs: 60_000, uses: 2, ids: seededIds(seed), now: 0 });

test('a token is read back, and its stored half knows its secret and no other', () => {
  const { token, secret } = make(1);
  const parsed = parseJoinToken(`${token}\n`);
  expect(parsed.caKeyHash).toBe(HASH);
  expect(secret.metadata.name).toBe(`join-token-${parsed.id}`);
  const state = joinTokenState(secret);
  expect(state.matches(parsed.secret)).toBe(true);
  expect(state.matches(parseJoinToken(make(2).token).secret)).toBe(false);
  expect(state).toMatchObject({ expiresMs: 60_000, usesLeft: 2 });
  expect(joinTokenState(withOneUseLess(withOneUseLess(withOneUseLess(secret)))).usesLeft).toBe(0);
  expect(JSON.stringify(secret)).not.toContain(parsed.secret);
  expect(secretResource.strategy.validate(secretResource.strategy.default(secret))).toEqual([]);
});

test('what a token is for is kept with it; whom it is for in no other way than by its name', () => {
  const more = { replaces: 'edge-7', description: 'Fähre, Deck 2' };
  const { secret } = newJoinToken({ caKeyHash: HASH, ttlMs: 60_000, uses: 1, ...more, ids: seededIds(1), now: 0 });
  expect(joinTokenState(secret)).toMatchObject(more);
  expect(joinTokenState(make(1).secret)).toMatchObject({ replaces: undefined, description: undefined });
  expect(joinTokenState({ ...secret, data: { ...secret.data, replaces: '%' } }).replaces).toBe('');
});

test('an id is read as it is, and out of a whole token', () => {
  const { token, secret } = make(1);
  const id = joinTokenId(secret.metadata.name ?? '');
  expect(readTokenId(token)).toBe(id);
  expect(readTokenId(id ?? '')).toBe(id);
  for (const text of ['', 'a/../b', 'join-token-abcd', 'ABCD', `${token}x.y`]) expect(readTokenId(text)).toBeUndefined();
});

test('a stored token that nobody can read never lets anybody in', () => {
  const { secret } = make(1);
  const text = parseJoinToken(make(1).token).secret;
  for (const damaged of [
    { ...secret, data: {} },
    { ...secret, type: 'Opaque' },
    { ...secret, data: { ...secret.data, 'secret-hash': '' } },
    { ...secret, data: { ...secret.data, expiration: Buffer.from('soon').toString('base64') } },
  ])
    expect(joinTokenState(damaged).matches(text)).toBe(false);
  expect(joinTokenState({ ...secret, data: { ...secret.data, uses: Buffer.from('many').toString('base64') } }).usesLeft).toBe(0);
});

test('reading never throws anything but BadToken, and never repeats what it read', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseJoinToken(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'BadToken' });
        if (text.length > 20) expect(String(error)).not.toContain(text);
      }
    }),
  );
});
