/** A log as whole lines with a prefix each, so that several logs can share one output. A last line without an end is given as it is. */
export async function* wholeLines(chunks: AsyncIterable<Uint8Array>, prefix: string): AsyncGenerator<Uint8Array> {
  const head = Buffer.from(prefix);
  let rest: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    const parts: Uint8Array[] = [];
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(head, ...rest, chunk.subarray(from, end + 1));
      rest = [];
      bytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > LINE_BYTES_MAX) {
      parts.push(head, ...rest, Buffer.from('\n'));
      rest = [];
      bytes = 0;
    }
    if (parts.length > 0) yield Buffer.concat(parts);
  }
  if (rest.length > 0) yield Buffer.concat([head, ...rest]);
}

const NEWLINE = 0x0a;
/** What is longer is broken. */
const LINE_BYTES_MAX = 1024 * 1024;
