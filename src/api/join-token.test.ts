import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededIds } from '../lib/ids.ts';
import { joinTokenState, newJoinToken, parseJoinToken, withOneUseLess } from './join-token.ts';
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
