import { SkerryError } from '#lib/error.ts';

/** Values of a stream that holds one JSON text a line, as watches do. */
const LINE_LENGTH_MAX = 64 * 1024 * 1024;

export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const [rest = '', ...lines] = decoder.decode(chunk, { stream: true }).split('\n');
    parts.push(rest);
    length += rest.length;
    if (length > LINE_LENGTH_MAX)
      throw new SkerryError('ServiceUnavailable', `read a watch: a line is longer than ${LINE_LENGTH_MAX} characters`);
    for (const line of lines) {
      const text = parts.join('');
      parts = [line];
      length = line.length;
      if (text.trim() !== '') yield parse(text);
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SkerryError('ServiceUnavailable', 'read a watch: a line is no JSON', { cause });
  }
}
