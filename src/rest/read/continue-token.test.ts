import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../../lib/error.ts';
import { decodePlace, encodePlace, type Place } from './continue-token.ts';

const segment = fc.string().filter((text) => !text.includes('/'));
const revision = fc.maxSafeInteger().filter((value) => value !== 0);

test('a place never comes back as another one', () => {
  fc.assert(
    fc.property(revision, segment, segment, (at, namespace, name) => {
      const place = { revision: at, namespace, name };
      const token = encodePlace(place);
      expect(token).toMatch(/^[\w-]+$/);
      expect(decodePlace(token)).toEqual(place);
    }),
  );
});

test('no text does more than be refused, or is taken for what it does not say', () => {
  const made = fc.record({
    v: fc.constantFrom('meta.k8s.io/v1', 'meta.k8s.io/v1', 'v2', 1),
    rv: fc.oneof(fc.constantFrom(1, 7, -1, 0, 1.5, 1e300, '1', null), fc.jsonValue()),
    start: fc.oneof(fc.constantFrom('a/b', '/b', 'a/', '', 'a', 'a/b/c', 5, null), fc.jsonValue()),
  });
  const token = fc.oneof(
    fc.string(),
    fc
      .oneof(
        fc.json(),
        made.map((value) => JSON.stringify(value)),
      )
      .map((text) => Buffer.from(text).toString('base64url')),
  );
  fc.assert(
    fc.property(token, (text) => {
      const place = placeOf(text);
      if (place === undefined) return;
      expect(place.revision).not.toBe(0);
      const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
      expect({ v, rv, start }).toEqual({ v: 'meta.k8s.io/v1', rv: place.revision, start: `${place.namespace}/${place.name}` });
      expect(Number.isSafeInteger(rv)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

function placeOf(token: string): Place | undefined {
  try {
    return decodePlace(token);
  } catch (error) {
    expect(hasCode(error, 'BadRequest')).toBe(true);
    return undefined;
  }
}
