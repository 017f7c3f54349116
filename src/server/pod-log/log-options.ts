import { forbidden, invalid, notSupported, type FieldError } from '#api/field-error.ts';
import { badRequestError, invalidError } from '#api/status.ts';

/** The query of `pods/log` as PodLogOptions: how upstream reads it (apimachinery's query conversion) and validates it. */
export type LogOptions = {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339 */
  readonly sinceTime?: string;
};

const INTEGER_MAX = 2n ** 63n - 1n;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Throws BadRequest for what can not be read, Invalid for what can but makes no sense. */
export function parseLogOptions(query: URLSearchParams, pod: string): LogOptions {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = time(query, 'sinceTime');
  const stream = query.get('stream');
  const problems: readonly FieldError[] = [
    ...(tailLines !== undefined && tailLines < 0 ? [invalid('tailLines', tailLines, 'must be greater than or equal to 0')] : []),
    ...(limitBytes !== undefined && limitBytes < 1 ? [invalid('limitBytes', limitBytes, 'must be greater than 0')] : []),
    ...(sinceSeconds !== undefined && sinceTime !== undefined
      ? [forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified')]
      : []),
    ...(sinceSeconds !== undefined && sinceSeconds < 1 ? [invalid('sinceSeconds', sinceSeconds, 'must be greater than 0')] : []),
    ...(stream === null || stream === '' || stream === 'All' ? [] : [notSupported('stream', stream, ['All'])]),
  ];
  if (problems.length > 0) throw invalidError({ group: '', name: 'PodLogOptions' }, pod, problems);
  return {
    container: query.get('container') ?? '',
    follow: bool(query, 'follow'),
    previous: bool(query, 'previous'),
    timestamps: bool(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  };
}

/** Anything but `false` and `0` is true, an empty value too (`?follow`). */
function bool(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = BigInt(text.replace(/^\+/, ''));
  if (value > INTEGER_MAX || value < -INTEGER_MAX - 1n)
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(value);
}

function time(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!RFC3339.test(text) || Number.isNaN(Date.parse(text)))
    throw badRequestError(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  return text;
}
