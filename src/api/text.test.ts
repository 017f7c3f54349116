import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64ByteLength, base64OfText, byteLength } from './text.ts';

test('base64 and byte counts never differ from Node’s', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = Buffer.from(text, 'utf8');
      expect(base64OfText(text)).toBe(bytes.toString('base64'));
      expect(byteLength(text)).toBe(bytes.length);
      expect(base64ByteLength(bytes.toString('base64'))).toBe(bytes.length);
    }),
  );
  expect(base64OfText('\ud800')).toBe(Buffer.from('\ud800', 'utf8').toString('base64'));
  expect(byteLength('\ud800')).toBe(3);
});

test('what is no base64 has no length', () => {
  for (const text of ['a', '====', 'YQ', 'YQ=', 'Y-Q=', 'YQ==YQ==']) expect(base64ByteLength(text), text).toBeUndefined();
  expect(base64ByteLength('Y\nQ==\r\n')).toBe(1);
});
