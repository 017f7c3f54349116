/** The small checks that every kind's validation is made of; each gives the errors of one field. */
import { duplicate, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { dnsLabelProblems, NOT_NEGATIVE, type Problems } from '../names.ts';

/** What a body really holds: a field that the schema requires may still be missing, and that is what validation reports. */
export function asGiven<T>(value: T): Partial<T> {
  return value;
}

export const NO_ERRORS: readonly FieldError[] = [];

/** One Invalid per problem. */
export function invalidFor(path: string, value: unknown, problems: Problems): readonly FieldError[] {
  return problems.length === 0 ? NO_ERRORS : problems.map((problem) => invalid(path, value, problem));
}

export function notNegative(path: string, value: number | undefined): readonly FieldError[] {
  return value === undefined || value >= 0 ? NO_ERRORS : [invalid(path, value, NOT_NEGATIVE)];
}

/** Must be there and one of these, which are listed in this order. */
export function oneOf(path: string, value: string | undefined, supported: readonly string[]): readonly FieldError[] {
  if (value === undefined || value === '') return [required(path)];
  return supported.includes(value) ? NO_ERRORS : [notSupported(path, value, supported)];
}

/** One of these if it is there. */
export function oneOfIfSet(path: string, value: string | undefined, supported: readonly string[]): readonly FieldError[] {
  return value === undefined || supported.includes(value) ? NO_ERRORS : [notSupported(path, value, supported)];
}

export function needed(path: string, value: string | readonly unknown[] | undefined, detail = ''): readonly FieldError[] {
  return value === undefined || value.length === 0 ? [required(path, detail)] : NO_ERRORS;
}

/** A name that must be there and be a DNS label. */
export function labelName(path: string, name: string | undefined): readonly FieldError[] {
  return name === undefined || name === '' ? [required(path)] : invalidFor(path, name, dnsLabelProblems(name));
}

/** A Duplicate for each value that an earlier one has; blank ones do not count. */
export function duplicatesOf<T>(
  items: readonly T[],
  valueOf: (item: T) => string | undefined,
  pathOf: (index: number) => string,
): readonly FieldError[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const value = valueOf(item);
    if (value === undefined || value === '') return NO_ERRORS;
    if (seen.has(value)) return [duplicate(pathOf(index), value)];
    seen.add(value);
    return NO_ERRORS;
  });
}
