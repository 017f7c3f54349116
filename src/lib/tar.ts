/** Writes ustar archives of a few small files. Names up to 100 characters, no links, times all zero so that equal input gives equal bytes. */
export type TarEntry = { readonly name: string; readonly mode: number; readonly content: Uint8Array };

const BLOCK_BYTES = 512;
const NAME_LENGTH_MAX = 100;

export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap((entry) => [headerOf(entry), padded(entry.content)]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function headerOf({ name, mode, content }: TarEntry): Buffer {
  if (Buffer.byteLength(name) > NAME_LENGTH_MAX) throw new RangeError(`tar entry name ${name} is longer than ${NAME_LENGTH_MAX}`);
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  header.write(name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function padded(content: Uint8Array): Buffer {
  const rest = content.length % BLOCK_BYTES;
  return Buffer.concat([content, Buffer.alloc(rest === 0 ? 0 : BLOCK_BYTES - rest)]);
}
