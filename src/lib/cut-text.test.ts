import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutText } from './cut-text.ts';

test('a cut text is never longer than asked for, never cut where it fits, and always the beginning', () => {
  const anything = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(anything, fc.integer({ min: 0, max: 60 }), (text, bytesMax) => {
      const cut = cutText(text, bytesMax);
      const bytesOf = (part: string) => Buffer.byteLength(JSON.stringify(part)) - 2;
      expect(bytesOf(cut)).toBeLessThanOrEqual(bytesMax);
      expect(text.startsWith(cut)).toBe(true);
      if (bytesOf(text) <= bytesMax) expect(cut).toBe(text);
    }),
  );
});

test('a pair of surrogates stays whole', () => {
  expect(cutText('a😀b', 4)).toBe('a');
  expect(cutText('a😀b', 5)).toBe('a😀');
  expect(cutText('\u0000\u0000', 11)).toBe('\u0000');
});
