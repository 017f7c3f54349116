import { expect, test } from 'vitest';
import { segmentsForPages } from './page-size.ts';

/** Offset, address, bytes in memory, alignment. */
type Load = readonly [offset: number, address: number, bytes: number, alignment: number];

function table(loads: readonly Load[], type = 1): Buffer {
  return Buffer.concat(
    loads.map(([offset, address, bytes, alignment]) => {
      const entry = Buffer.alloc(56);
      entry.writeUInt32LE(type, 0);
      entry.writeBigUInt64LE(BigInt(offset), 8);
      entry.writeBigUInt64LE(BigInt(address), 16);
      entry.writeBigUInt64LE(BigInt(bytes), 40);
      entry.writeBigUInt64LE(BigInt(alignment), 48);
      return entry;
    }),
  );
}

function checkFits(loads: readonly Load[], expected: readonly number[] | string): void {
  const fit = () => segmentsForPages(table(loads), 0x10000);
  if (typeof expected === 'string') return expect(fit).toThrow(expected);
  expect(fit()).toEqual(table(loads.map(([offset, address, bytes], at) => [offset, address, bytes, expected[at] ?? 0])));
}

test('what fits large pages says so, and what does not is refused', () => {
  // Node for arm64 with what postject added.
  const node: readonly Load[] = [
    [0, 0x400000, 0x61ec458, 0x10000],
    [0x61ec458, 0x65fc458, 0x75630, 0x10000],
  ];
  checkFits([...node, [0x6270000, 0xe270000, 0x5d0000, 0x1000]], [0x10000, 0x10000, 0x10000]);
  checkFits([...node, [0x6271000, 0xe270000, 0x5d0000, 0x1000]], 'the segment at 0xe270000 can not be mapped');
  checkFits([...node, [0x6271000, 0x6671000, 0x5d0000, 0x1000]], 'the segment at 0x6671000 shares a page with the one before it');
  checkFits([[0, 0, 1, 0x200000]], [0x200000]);
});

test('only what is loaded has to', () => {
  const note = table([[0x1003, 0x2001, 8, 4]], 4);
  expect(segmentsForPages(note, 0x10000)).toEqual(note);
});
