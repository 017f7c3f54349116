import { expect, test } from 'vitest';
import { SkerryError } from './error.ts';
import { logTo, type LogForm } from './log.ts';
import type { LogLevel } from './log-level.ts';

function logged(error: unknown, level: LogLevel = 'info', form: LogForm = 'json'): string {
  let text = '';
  logTo((line) => (text += line), level, form).warn({ err: error, token: 'x' }, 'it failed');
  return text;
}

const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6443'), { code: 'ECONNREFUSED', syscall: 'connect' });
const unreachable = new SkerryError('Unreachable', 'join at a:6443', {
  cause: new SkerryError('Closed', 'dial a', { cause: refused }),
});

function checkError(error: unknown, level: LogLevel, expected: object): void {
  expect(JSON.parse(logged(error, level))).toMatchObject({ level: 'warn', msg: 'it failed', token: '[redacted]', err: expected });
}

test('an expected error is logged as its code and all its reasons, without a stack', () => {
  const err = { code: 'Unreachable', message: 'join at a:6443: dial a: connect ECONNREFUSED 10.0.0.1:6443' };
  checkError(unreachable, 'info', err);
  expect(logged(unreachable)).not.toContain('stack');
  expect(logged(unreachable, 'info', 'text')).toMatch(
    /^\S+ WARN {2}it failed \S*.*err="Unreachable: join at a:6443: dial a: connect [^\n]*\n$/,
  );
});

test('a bug, and anything at level debug, is logged with its stack', () => {
  const stack = expect.stringMatching(/\n\s+at .*log\.test/);
  checkError(new TypeError('x is no function'), 'info', { type: 'TypeError', stack });
  checkError(new SkerryError('Bug', 'this can not be'), 'info', { code: 'Bug', stack });
  checkError(unreachable, 'debug', { code: 'Unreachable', stack });
});

test('a name none of whose addresses answers says so of each', () => {
  const none = new SkerryError('Unreachable', 'connect to a', {
    cause: new AggregateError([refused, new Error('no route'), refused]),
  });
  checkError(none, 'info', { message: 'connect to a: connect ECONNREFUSED 10.0.0.1:6443; no route' });
});
