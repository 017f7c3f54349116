import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/**
 * Whether a program can be loaded where the kernel's pages are larger than those of the machine that made it: for arm64 there are kernels with 4 KiB, 16 KiB
 * (Raspberry Pi 5) and 64 KiB. postject lays what it adds out for 64 KiB, but says 4 KiB of it, which a dynamic linker would believe. Of ELF this knows the
 * table of segments, as it is for 64 bits and little-endian.
 */
const HEADER = { bytes: 64, table: 32, entryBytes: 54, entries: 56 } as const;
const SEGMENT = { bytes: 56, type: 0, offset: 8, address: 16, memoryBytes: 40, alignment: 48 } as const;
const TYPE_LOAD = 1;

/** Says so in the file, too. Throws where it is not so. */
export function fitPages(file: string, pageBytes: number): void {
  const fd = openSync(file, 'r+');
  try {
    const header = read(fd, HEADER.bytes, 0);
    if (header.readUInt16LE(HEADER.entryBytes) !== SEGMENT.bytes) throw new Error(`${file} is no program for 64 bits`);
    const at = Number(header.readBigUInt64LE(HEADER.table));
    const segments = segmentsForPages(read(fd, SEGMENT.bytes * header.readUInt16LE(HEADER.entries), at), pageBytes);
    writeSync(fd, segments, 0, segments.length, at);
  } finally {
    closeSync(fd);
  }
}

/** The table with what is loaded aligned to such pages. */
export function segmentsForPages(table: Buffer, pageBytes: number): Buffer {
  const page = BigInt(pageBytes);
  const fitted = Buffer.from(table);
  /** The first page that is free. */
  let free = 0n;
  for (let at = 0; at < fitted.length; at += SEGMENT.bytes) {
    if (fitted.readUInt32LE(at + SEGMENT.type) !== TYPE_LOAD) continue;
    const address = fitted.readBigUInt64LE(at + SEGMENT.address);
    const what = `the segment at 0x${address.toString(16)}`;
    if ((address - fitted.readBigUInt64LE(at + SEGMENT.offset)) % page !== 0n)
      throw new Error(
        `${what} can not be mapped where pages have ${pageBytes} bytes: its place in the file is another within a page`,
      );
    if (address / page < free)
      throw new Error(`${what} shares a page with the one before it where pages have ${pageBytes} bytes`);
    free = (address + fitted.readBigUInt64LE(at + SEGMENT.memoryBytes) + page - 1n) / page;
    if (fitted.readBigUInt64LE(at + SEGMENT.alignment) < page) fitted.writeBigUInt64LE(page, at + SEGMENT.alignment);
  }
  return fitted;
}

function read(fd: number, bytes: number, at: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (readSync(fd, buffer, 0, bytes, at) !== bytes) throw new Error('read the headers of a program: it ends within them');
  return buffer;
}
