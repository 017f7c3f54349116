/**
 * The engine's log stream without its frames: eight bytes of header (stream, length) before each piece, unless the container has a terminal.
 * stdout and stderr come out in the order they came.
 */
const HEADER_BYTES = 8;

export async function* withoutFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Buffer = Buffer.alloc(0);
  let left = 0;
  for await (const piece of stream) {
    held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece]);
    while (held.length > 0) {
      if (left > 0) {
        const part = held.subarray(0, left);
        held = held.subarray(part.length);
        left -= part.length;
        yield part;
      } else if (held.length >= HEADER_BYTES) {
        left = held.readUInt32BE(4);
        held = held.subarray(HEADER_BYTES);
      } else break;
    }
  }
}
