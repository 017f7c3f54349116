import { statusOf } from '#api/status.ts';
import type { Answer } from './request.ts';

/** Answers that are no objects: texts, JSON values, and the Status of whatever went wrong. */
export function text(status: number, body: string): Answer {
  return {
    type: 'value',
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body,
  };
}

export function json(value: unknown, status = 200): Answer {
  return { type: 'value', status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

export function failure(error: unknown): Answer {
  const status = statusOf(error);
  const retry = status.details?.retryAfterSeconds;
  const answer = json(status, status.code);
  return retry === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(retry) } };
}
