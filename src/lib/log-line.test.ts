import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logLine } from './log-line.ts';

const AT = { level: 'warn', time: '2027-01-01T00:00:00.000Z' };

function checkLine(facts: unknown, expected: string, colours = false): void {
  expect(logLine(`${JSON.stringify(facts)}\n`, colours)).toBe(`${expected}\n`);
}

test('time, level, message, then facts', () => {
  checkLine(
    { ...AT, node: 'edge-1', waitMs: 2000, why: 'it is "gone"', holder: { a: 1 }, msg: 'no link' },
    String.raw`2027-01-01T00:00:00.000Z WARN  no link node=edge-1 waitMs=2000 why="it is \"gone\"" holder={"a":1}`,
  );
  checkLine({ ...AT, level: 'error', msg: 'x' }, '2027-01-01T00:00:00.000Z \u001b[31mERROR\u001b[0m x', true);
});

test('an expected error is a fact, a bug has its stack below', () => {
  checkLine(
    { ...AT, err: { code: 'Unreachable', message: 'join: refused' }, msg: 'no' },
    '2027-01-01T00:00:00.000Z WARN  no err="Unreachable: join: refused"',
  );
  checkLine(
    { ...AT, err: { type: 'TypeError', message: 'x', stack: 'TypeError: x\n    at a.ts:1' }, msg: 'no' },
    '2027-01-01T00:00:00.000Z WARN  no err="TypeError: x"\n    TypeError: x\n    at a.ts:1',
  );
});

test('never steers the terminal, never throws, and is one line for what is no bug', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.string({ unit: 'binary' }), (facts, msg) => {
      const line = logLine(JSON.stringify({ ...AT, ...facts, msg, stray: '\u001b[2J\u009b2J\n' }), false);
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      expect(line.replace(/\n$/, '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void logLine(text, true)));
});
