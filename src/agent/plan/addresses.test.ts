import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateAddress, capacityOf, isInside } from './addresses.ts';

test('the next free address after the newest, around the end, never the ends themselves', () => {
  expect(allocateAddress('10.32.0.0/30', [], undefined)).toBe('10.32.0.1');
  expect(allocateAddress('10.32.0.0/30', ['10.32.0.1'], '10.32.0.1')).toBe('10.32.0.2');
  expect(allocateAddress('10.32.0.0/30', ['10.32.0.2'], '10.32.0.2')).toBe('10.32.0.1');
  expect(allocateAddress('10.32.0.0/30', ['10.32.0.1', '10.32.0.2'], '10.32.0.2')).toBeUndefined();
  expect(allocateAddress('10.32.0.128/25', [], '10.32.0.5')).toBe('10.32.0.129');
  for (const wrong of ['', '10.32.0.0', '10.32.0.0/33', '10.32.0/24', 'a.b.c.d/24'])
    expect(allocateAddress(wrong, [], undefined)).toBeUndefined();
});

test('a range and what is in it', () => {
  expect(isInside('10.32.0.0/25', '10.32.0.126')).toBe(true);
  expect(isInside('10.32.0.0/25', '10.32.0.127')).toBe(false);
  expect(isInside('10.32.0.0/25', '10.32.1.1')).toBe(false);
  expect(capacityOf('10.32.0.0/25')).toBe(126);
});

test('never: an address that is taken, or outside', () => {
  const property = fc.property(
    fc.subarray(Array.from({ length: 14 }, (_, index) => `10.0.0.${index + 1}`)),
    fc.nat({ max: 255 }),
    (taken, last) => {
      const address = allocateAddress('10.0.0.0/28', taken, `10.0.0.${last}`);
      if (address === undefined) expect(taken.length).toBe(14);
      else {
        expect(taken).not.toContain(address);
        expect(isInside('10.0.0.0/28', address)).toBe(true);
      }
    },
  );
  fc.assert(property);
});
