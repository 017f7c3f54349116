/** JSON values one after another on a stream, each on its own line; pieces may end anywhere. A line that is no JSON is left out. */

/** A value longer than this is a fault of the other side. */
const LINE_CHARS_MAX = 1024 * 1024;

export async function* readJsonLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of stream) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const value = parse(line);
      if (value !== undefined) yield value;
    }
    if (rest.length > LINE_CHARS_MAX) rest = '';
  }
  const value = parse(rest);
  if (value !== undefined) yield value;
}

function parse(line: string): unknown {
  if (line.trim() === '') return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
