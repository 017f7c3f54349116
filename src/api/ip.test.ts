import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cidrProblems, contains, formatIp, ipProblems, overlaps, parseCidr, parseIp } from './ip.ts';

function checkIp(text: string, expected: string | undefined): void {
  const address = parseIp(text);
  expect(address === undefined ? undefined : formatIp(address), text).toBe(expected);
}

test('addresses are read strictly and written shortest', () => {
  checkIp('10.0.0.1', '10.0.0.1');
  checkIp('255.255.255.255', '255.255.255.255');
  checkIp('::', '::');
  checkIp('::1', '::1');
  checkIp('2001:db8::', '2001:db8::');
  checkIp('2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1');
  checkIp('1:0:0:2:0:0:0:3', '1:0:0:2::3');
  checkIp('::ffff:10.0.0.1', '::ffff:a00:1');
  for (const bad of [
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1 ',
    '1:2',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '::10.0.0.1:1',
  ]) {
    checkIp(bad, undefined);
  }
  expect(ipProblems('x')).toEqual(['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']);
});

test('networks', () => {
  expect(cidrProblems('10.0.0.0/8')).toEqual([]);
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '::/129', '/8']) expect(cidrProblems(bad), bad).toHaveLength(1);
  const [wide, narrow, other] = ['10.0.0.0/8', '10.32.0.0/25', '192.168.1.0/24'].map((text) => parseCidr(text)!);
  expect(overlaps(wide!, narrow!)).toBe(true);
  expect(overlaps(narrow!, wide!)).toBe(true);
  expect(overlaps(narrow!, other!)).toBe(false);
  expect(contains(narrow!, parseIp('10.32.0.127')!)).toBe(true);
  expect(contains(narrow!, parseIp('10.32.0.128')!)).toBe(false);
  expect(overlaps(parseCidr('0.0.0.0/0')!, parseCidr('::/0')!)).toBe(false);
});

test('what Node takes for an address is never refused, and the text round-trips', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: fc.constantFrom('0', '1', 'f', ':', '.'), maxLength: 20 })),
      (text) => {
        const address = parseIp(text);
        expect(address?.family ?? 0).toBe(isIP(text));
        if (address !== undefined) expect(parseIp(formatIp(address))).toEqual(address);
      },
    ),
  );
});
