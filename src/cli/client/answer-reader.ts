/**
 * Takes answers of HTTP/1.1 (RFC 9112) to pieces, out of bytes as they come. Node's own client does it as well, and takes a command 5 ms of its start. It knows
 * what an answer to GET, POST, PUT, PATCH and DELETE can be: no upgrades, and trailers are passed over.
 */
export type AnswerHead = {
  readonly status: number;
  /** By names in small letters; what came several times is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
};

export type Piece =
  | { readonly type: 'head'; readonly head: AnswerHead }
  | { readonly type: 'body'; readonly bytes: Buffer }
  /** `reusable`: the connection takes another request. */
  | { readonly type: 'end'; readonly reusable: boolean };

export type AnswerReader = {
  /** Throws what can be no answer; then nothing more can be read. */
  readonly read: (bytes: Buffer) => readonly Piece[];
  /** What it comes to that nothing more will come. Throws if more was announced. */
  readonly end: () => readonly Piece[];
};

const HEAD_BYTES_MAX = 64 * 1024;
const CHUNK_LINE_BYTES_MAX = 4 * 1024;

type State =
  | { readonly in: 'head' | 'chunk size' | 'chunk end' | 'trailers' | 'until close' | 'done' }
  | { readonly in: 'counted' | 'chunk'; readonly left: number };

/** Of one answer. */
export function createAnswerReader(): AnswerReader {
  let state: State = { in: 'head' };
  let unread: Buffer = Buffer.alloc(0);
  let reusable = false;

  const take = (bytes: number): Buffer => {
    const taken = unread.subarray(0, bytes);
    unread = unread.subarray(bytes);
    return taken;
  };

  /** Up to what ends it, which is passed over; undefined as long as that has not come. */
  const takeUntil = (end: string, bytesMax: number): string | undefined => {
    const at = unread.indexOf(end, 0, 'latin1');
    if (at > bytesMax || (at < 0 && unread.length > bytesMax))
      throw new Error(`the head of its answer is longer than ${bytesMax} bytes`);
    if (at < 0) return undefined;
    const text = take(at).toString('latin1');
    take(end.length);
    return text;
  };

  const ended = (): readonly Piece[] => {
    state = { in: 'done' };
    return [{ type: 'end', reusable: reusable && unread.length === 0 }];
  };

  const counted = (): readonly Piece[] | undefined => {
    if (state.in !== 'counted' && state.in !== 'chunk') return undefined;
    if (state.left === 0) return ended();
    if (unread.length === 0) return undefined;
    const bytes = take(state.left);
    const left = state.left - bytes.length;
    state = state.in === 'chunk' && left === 0 ? { in: 'chunk end' } : { in: state.in, left };
    return [{ type: 'body', bytes }];
  };

  const head = (): readonly Piece[] | undefined => {
    const text = takeUntil('\r\n\r\n', HEAD_BYTES_MAX);
    if (text === undefined) return undefined;
    const { version, ...read } = headOf(text);
    // Something is still to be done: 100 and 103 are no answer yet.
    if (read.status < 200) return [];
    const { status, headers } = read;
    const words = (headers.get('connection') ?? '').toLowerCase();
    reusable = version === '1.1' ? !words.includes('close') : words.includes('keep-alive');
    state = framing(status, headers);
    if (state.in === 'until close') reusable = false;
    return [{ type: 'head', head: read }];
  };

  /** The next pieces; undefined where more bytes are needed for any. */
  const step = (): readonly Piece[] | undefined => {
    switch (state.in) {
      case 'head':
        return head();
      case 'counted':
      case 'chunk':
        return counted();
      case 'chunk size': {
        const line = takeUntil('\r\n', CHUNK_LINE_BYTES_MAX);
        if (line === undefined) return undefined;
        const left = chunkSize(line);
        state = left === 0 ? { in: 'trailers' } : { in: 'chunk', left };
        return [];
      }
      case 'chunk end': {
        const line = takeUntil('\r\n', CHUNK_LINE_BYTES_MAX);
        if (line === undefined) return undefined;
        if (line !== '') throw new Error('a chunk of its answer is longer than it says');
        state = { in: 'chunk size' };
        return [];
      }
      case 'trailers': {
        const line = takeUntil('\r\n', HEAD_BYTES_MAX);
        if (line === undefined) return undefined;
        return line === '' ? ended() : [];
      }
      case 'until close':
        return unread.length === 0 ? undefined : [{ type: 'body', bytes: take(unread.length) }];
      case 'done':
        return undefined;
    }
  };

  const read = (bytes: Buffer): readonly Piece[] => {
    unread = unread.length === 0 ? bytes : Buffer.concat([unread, bytes]);
    const pieces: Piece[] = [];
    for (let next = step(); next !== undefined; next = step()) pieces.push(...next);
    return pieces;
  };

  const end = (): readonly Piece[] => {
    if (state.in === 'done') return [];
    if (state.in === 'until close') return ended();
    throw new Error(state.in === 'head' ? 'it closed the connection without an answer' : 'its answer is cut off');
  };

  return { read, end };
}

/** How the body is laid out (RFC 9112 §6.3). */
function framing(status: number, headers: AnswerHead['headers']): State {
  if (status === 204 || status === 304) return { in: 'counted', left: 0 };
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new Error(`its answer has the transfer coding ${JSON.stringify(coding)}`);
    return { in: 'chunk size' };
  }
  const length = headers.get('content-length');
  if (length === undefined) return { in: 'until close' };
  if (!/^\d{1,15}$/.test(length)) throw new Error(`its answer has the length ${JSON.stringify(length)}`);
  return { in: 'counted', left: Number(length) };
}

function headOf(text: string): AnswerHead & { readonly version: string | undefined } {
  const [first = '', ...lines] = text.split('\r\n');
  const [, version, status] = /^HTTP\/(1\.[01]) ([1-9]\d\d)(?: |$)/.exec(first) ?? [];
  if (status === undefined) throw new Error(`it does not speak HTTP: ${JSON.stringify(first.slice(0, 40))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(':');
    if (at <= 0) throw new Error(`its answer has a header that is none: ${JSON.stringify(line.slice(0, 40))}`);
    const name = line.slice(0, at).toLowerCase();
    const value = line.slice(at + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(status), headers, version };
}

/** Extensions after a semicolon say nothing to us. */
function chunkSize(line: string): number {
  const [size = ''] = line.split(';');
  if (!/^[\da-f]{1,12}$/i.test(size.trim())) throw new Error('its answer has a chunk without a size');
  return Number.parseInt(size, 16);
}
