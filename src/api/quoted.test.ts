import { expect, test } from 'vitest';
import { quoted } from './quoted.ts';

function checkQuoted(text: string, expected: string): void {
  expect(quoted(text)).toBe(expected);
}

test('text is quoted as Go does', () => {
  checkQuoted('', '""');
  checkQuoted('web 1 é ☺ 😀 <&>', '"web 1 é ☺ 😀 <&>"');
  checkQuoted('a"b\\c', String.raw`"a\"b\\c"`);
  checkQuoted('\n\t\v\u0007\u0000\u007f', String.raw`"\n\t\v\a\x00\x7f"`);
  checkQuoted('\u{a0}\u{202e}\u{feff}\u{e0001}', String.raw`"\u00a0\u202e\ufeff\U000e0001"`);
});
