import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMilliValue,
  quantityOf,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from './quantity.ts';

function checkCanonical(text: string | number, expected: string): void {
  expect(canonicalQuantity(text), String(text)).toBe(expected);
}

function checkProblem(text: string, expected: RegExp): void {
  expect(quantityProblem(text), text).toMatch(expected);
}

test('quantities come out as upstream writes them', () => {
  checkCanonical('0', '0');
  checkCanonical('0.5', '500m');
  checkCanonical('.5', '500m');
  checkCanonical('5.', '5');
  checkCanonical('+5', '5');
  checkCanonical('-5', '-5');
  checkCanonical('1000m', '1');
  checkCanonical('1100m', '1100m');
  checkCanonical(2, '2');
  checkCanonical(0.25, '250m');
  checkCanonical('1024Ki', '1Mi');
  checkCanonical('1.5Gi', '1536Mi');
  checkCanonical('0.5Ki', '512');
  checkCanonical('1000Ki', '1000Ki');
  checkCanonical('1000', '1k');
  checkCanonical('1024', '1024');
  checkCanonical('1500000', '1500k');
  checkCanonical('1e3', '1e3');
  checkCanonical('10e3', '10e3');
  checkCanonical('1E6', '1e6');
  checkCanonical('1E', '1E');
  checkCanonical('100e-1', '10');
  checkCanonical('12.34e2', '1234');
  checkCanonical('0.0000000001', '1n');
  checkCanonical('-0.0000000001', '-1n');
  checkCanonical('1.0000000001', '1000000001n');
  checkCanonical('9Ei', '9223372036854775807');
  checkCanonical('1e99', '9223372036854775807');
  checkCanonical('0Gi', '0');
});

test('what is no quantity is refused in upstream’s words', () => {
  for (const text of ['', ' ', '1 Gi', 'Gi', '-', '.', 'NaN', '1g', '١']) checkProblem(text, /^quantities must match/);
  for (const text of ['1.2.3', '1..2']) checkProblem(text, /^unable to parse numeric part/);
  for (const text of ['1KiKi', '1mm', '1e', '1e1e1', '1Ki1', '1i', '1K']) {
    if (text !== '1e1e1') checkProblem(text, /^unable to parse quantity's suffix/);
    else checkProblem(text, /./);
  }
  checkProblem('9'.repeat(1000), /^quantities must match/);
});

test('value and milliValue round up', () => {
  expect(quantityValue(parseQuantity('1.1'))).toBe(2);
  expect(quantityValue(parseQuantity('-1.1'))).toBe(-2);
  expect(quantityMilliValue(parseQuantity('1u'))).toBe(1);
  expect(quantityMilliValue(parseQuantity('250m'))).toBe(250);
  expect(quantityValue(parseQuantity('64Mi'))).toBe(64 * 1024 * 1024);
});

const texts = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.option(fc.nat(99_999), { nil: undefined }),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-2', 'E2'),
  )
  .map(([whole, fraction, suffix]) => `${whole}${fraction === undefined ? '' : `.${fraction}`}${suffix}`);

test('the canonical text never means another amount and never changes again', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const quantity = parseQuantity(text);
      const canonical = formatQuantity(quantity);
      expect(compareQuantities(parseQuantity(canonical), quantity)).toBe(0);
      expect(canonicalQuantity(canonical)).toBe(canonical);
    }),
  );
});

test('adding never loses anything', () => {
  fc.assert(
    fc.property(texts, texts, (left, right) => {
      const [a, b] = [parseQuantity(left), parseQuantity(right)];
      expect(compareQuantities(subtractQuantities(addQuantities(a, b), b), a)).toBe(0);
      expect(compareQuantities(addQuantities(a, b), addQuantities(b, a))).toBe(0);
    }),
  );
});

test('any text is a quantity or has a problem, and reading never throws anything else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const problem = quantityProblem(text);
      if (problem === undefined) expect(() => canonicalQuantity(text)).not.toThrow();
      else expect(() => canonicalQuantity(text)).toThrow(problem);
    }),
  );
});

test('a number of bytes is exact', () => {
  expect(formatQuantity(quantityOf(1_073_741_824, 'BinarySI'))).toBe('1Gi');
});
