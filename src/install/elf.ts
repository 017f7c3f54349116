import { closeSync, openSync, readSync } from 'node:fs';
import type { Architecture } from './release/release-files.ts';

/** For which machine a program is, by its ELF header (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html). */
const HEADER_BYTES = 20;
const CLASS_AT = 4;
const MACHINE_AT = 18;
const CLASS_64 = 2;
const MACHINES: Readonly<Record<number, Architecture>> = { 62: 'x64', 183: 'arm64' };

/** Undefined for what is no such program, or one for another machine (a 32-bit one among them). Throws where the file can not be read. */
export function architectureOf(file: string): Architecture | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  const handle = openSync(file, 'r');
  try {
    if (readSync(handle, header) < HEADER_BYTES) return undefined;
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, CLASS_AT) !== '\x7fELF' || header[CLASS_AT] !== CLASS_64) return undefined;
  return MACHINES[header.readUInt16LE(MACHINE_AT)];
}
