/**
 * Kubernetes quantities (`500m`, `1.5Gi`, `1e3`), exact: a count of nanos. Texts go in and come out as upstream's
 * k8s.io/apimachinery/pkg/api/resource; anything finer than a nano is rounded away from zero, anything above 2^63-1 is cut to it.
 */
import { SkerryError } from '#lib/error.ts';

export type Quantity = { readonly nanos: bigint; readonly format: QuantityFormat };

/** How a quantity was written, which is how it is written again. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const NANO = 10n ** 9n;
const MILLI = 10n ** 6n;
const VALUE_MAX = 2n ** 63n - 1n;
/** Longer texts are refused before any arithmetic: a number of this many digits is far above VALUE_MAX. */
const TEXT_LENGTH_MAX = 128;
/** Exponents beyond this give 0-rounded-up or VALUE_MAX in any case. */
const EXPONENT_MAX = 200;

const WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_NUMBER = 'unable to parse numeric part of quantity';
const WRONG_SUFFIX = "unable to parse quantity's suffix";

const DECIMAL_SUFFIXES: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_SUFFIXES: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

const DECIMAL_BY_EXPONENT = new Map(Object.entries(DECIMAL_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_BY_EXPONENT = new Map(Object.entries(BINARY_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]));

export const ZERO_QUANTITY: Quantity = { nanos: 0n, format: 'DecimalSI' };

/** Throws `BadQuantity` with upstream's text if it is none. JSON may carry a quantity as a number. */
export function parseQuantity(text: string | number): Quantity {
  const result = readQuantity(String(text));
  if (typeof result === 'string') throw new SkerryError('BadQuantity', result);
  return result;
}

/** For amounts that validation has seen or is about to see: undefined where it is none. */
export function tryParseQuantity(text: string | number): Quantity | undefined {
  const result = readQuantity(String(text));
  return typeof result === 'string' ? undefined : result;
}

/** What is wrong with it, in upstream's words, or undefined if nothing is. */
export function quantityProblem(text: string | number): string | undefined {
  const result = readQuantity(String(text));
  return typeof result === 'string' ? result : undefined;
}

/** As upstream gives it back: `0.5` → `500m`, `1024Ki` → `1Mi`, `1.5Gi` → `1536Mi`. Throws `BadQuantity`. */
export function canonicalQuantity(text: string | number): string {
  return formatQuantity(parseQuantity(text));
}

/** Negative, zero or positive, as a is below, at or above b, whatever their formats. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The format is that of the first that is not zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** Whole units, rounded away from zero: bytes of a memory quantity. */
export function quantityValue(quantity: Quantity): number {
  return Number(divideAwayFromZero(quantity.nanos, NANO));
}

/** Thousandths, rounded away from zero: milli-CPUs of a cpu quantity. */
export function quantityMilliValue(quantity: Quantity): number {
  return Number(divideAwayFromZero(quantity.nanos, MILLI));
}

export function isWholeQuantity(quantity: Quantity): boolean {
  return quantity.nanos % NANO === 0n;
}

export function quantityOf(value: number, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { nanos: BigInt(Math.round(value)) * NANO, format };
}

export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  // Upstream: a binary quantity below 1024 or with a fraction is shown in decimal rather than rounded.
  if (format === 'BinarySI' && magnitude(nanos) >= 1024n * NANO && nanos % NANO === 0n) return formatBinary(nanos / NANO);
  return formatDecimal(nanos, format === 'DecimalExponent');
}

function formatBinary(units: bigint): string {
  let mantissa = units;
  let exponent = 0;
  while (mantissa % 1024n === 0n && exponent < 60) {
    mantissa /= 1024n;
    exponent += 10;
  }
  return `${mantissa}${BINARY_BY_EXPONENT.get(exponent) ?? ''}`;
}

function formatDecimal(nanos: bigint, scientific: boolean): string {
  let mantissa = nanos;
  let exponent = -9;
  while (mantissa % 1000n === 0n && exponent < 18) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (scientific) return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  return `${mantissa}${DECIMAL_BY_EXPONENT.get(exponent) ?? ''}`;
}

/** The quantity, or what is wrong with the text. */
function readQuantity(text: string): Quantity | string {
  const match = text.length > TEXT_LENGTH_MAX ? null : /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text);
  if (match === null) return /^[+-]?[0-9.]*\.[0-9]*\./.test(text) ? WRONG_NUMBER : WRONG_FORM;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return WRONG_FORM;
  const scale = readSuffix(suffix);
  if (scale === undefined) return WRONG_SUFFIX;
  const { base, exponent, format } = scale;
  const nanos = scaleToNanos(BigInt(`${whole}${fraction}`), fraction.length, base, exponent);
  const capped = nanos > VALUE_MAX * NANO ? VALUE_MAX * NANO : nanos;
  return {
    nanos: sign === '-' ? -capped : capped,
    // Upstream: a binary quantity below one is kept as a decimal.
    format: format === 'BinarySI' && capped < NANO ? 'DecimalSI' : format,
  };
}

type Scale = { readonly base: bigint; readonly exponent: number; readonly format: QuantityFormat };

function readSuffix(suffix: string): Scale | undefined {
  const decimal = Object.hasOwn(DECIMAL_SUFFIXES, suffix) ? DECIMAL_SUFFIXES[suffix] : undefined;
  if (decimal !== undefined) return { base: 10n, exponent: decimal, format: 'DecimalSI' };
  const binary = Object.hasOwn(BINARY_SUFFIXES, suffix) ? BINARY_SUFFIXES[suffix] : undefined;
  if (binary !== undefined) return { base: 2n, exponent: binary, format: 'BinarySI' };
  const scientific = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  if (scientific === undefined) return undefined;
  const exponent = Math.min(Math.max(Number(scientific), -EXPONENT_MAX), EXPONENT_MAX);
  return { base: 10n, exponent, format: 'DecimalExponent' };
}

/** digits · 10^-fractionDigits · base^exponent, in nanos, rounded up. */
function scaleToNanos(digits: bigint, fractionDigits: number, base: bigint, exponent: number): bigint {
  const numerator = digits * NANO * (exponent > 0 ? base ** BigInt(exponent) : 1n);
  const denominator = 10n ** BigInt(fractionDigits) * (exponent < 0 ? base ** BigInt(-exponent) : 1n);
  return divideAwayFromZero(numerator, denominator);
}

function divideAwayFromZero(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  if (numerator % denominator === 0n) return quotient;
  return numerator < 0n ? quotient - 1n : quotient + 1n;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
