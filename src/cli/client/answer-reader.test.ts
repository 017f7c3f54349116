import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAnswerReader } from './answer-reader.ts';

/** What an answer comes to when its bytes come in these parts, and then no more: `200 {headers} body reusable`, or what is wrong with it. */
function told(...parts: readonly string[]): string {
  const reader = createAnswerReader();
  let text = '';
  try {
    for (const pieces of [...parts.map((part) => () => reader.read(Buffer.from(part, 'latin1'))), () => reader.end()])
      for (const piece of pieces()) {
        if (piece.type === 'head') text += `${piece.head.status} ${JSON.stringify(Object.fromEntries(piece.head.headers))} `;
        else if (piece.type === 'body') text += piece.bytes.toString('latin1');
        else text += piece.reusable ? ' kept' : ' closed';
      }
    return text;
  } catch (error) {
    return `${text}! ${(error as Error).message}`;
  }
}

const answer = (...lines: readonly string[]) => ['HTTP/1.1 200 OK', ...lines].join('\r\n');
const CHUNKED = answer('Transfer-Encoding: chunked', '', '3;x=y', 'abc', 'A', '0123456789', '0', 'Trailer: t', '', '');

test.each([
  [answer('Content-Length: 3', 'A: 1', 'a:2', '', 'abc'), '200 {"content-length":"3","a":"1, 2"} abc kept'],
  [answer('Content-Length: 0', '', ''), '200 {"content-length":"0"}  kept'],
  [answer('Content-Length: 3', 'Connection: Close', '', 'abc'), '200 {"content-length":"3","connection":"Close"} abc closed'],
  [answer('', 'abc'), '200 {} abc closed'],
  [CHUNKED, '200 {"transfer-encoding":"chunked"} abc0123456789 kept'],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', '204 {}  kept'],
  ['HTTP/1.0 404 \r\nContent-Length: 1\r\n\r\nx', '404 {"content-length":"1"} x closed'],
  // More than was announced is another's answer: nobody may read it as the next.
  [answer('Content-Length: 3', '', 'abcHTTP/1.1 200 OK'), '200 {"content-length":"3"} abc closed'],
  // Both say where it ends: the chunks count (RFC 9112 §6.3).
  [answer('Content-Length: 1', 'Transfer-Encoding: chunked', '', '2', 'ab', '0', '', ''), /^200 \{.*\} ab kept$/],
  ['', '! it closed the connection without an answer'],
  [answer('Content-Length: 3', '', 'ab'), '200 {"content-length":"3"} ab! its answer is cut off'],
  [answer('Transfer-Encoding: chunked', '', '3', 'ab'), '200 {"transfer-encoding":"chunked"} ab! its answer is cut off'],
  [answer('Content-Length: 3, 4', '', 'ab'), '! its answer has the length "3, 4"'],
  [answer('Content-Length: -1', '', ''), '! its answer has the length "-1"'],
  [answer('Transfer-Encoding: gzip, chunked', '', ''), '! its answer has the transfer coding "gzip, chunked"'],
  [answer('Transfer-Encoding: chunked', '', 'zz', ''), '! its answer has a chunk without a size'],
  [answer('Transfer-Encoding: chunked', '', '1', 'ab', ''), '! a chunk of its answer is longer than it says'],
  [answer('no colon', '', ''), '! its answer has a header that is none: "no colon"'],
  ['SSH-2.0-OpenSSH_9.2\r\n\r\n', '! it does not speak HTTP: "SSH-2.0-OpenSSH_9.2"'],
  ['x'.repeat(70_000), '! the head of its answer is longer than 65536 bytes'],
])('%j', (bytes, expected) => {
  expect(told(bytes)).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
});

test('it never matters in what parts the bytes come', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(CHUNKED.length), { maxLength: 10 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), CHUNKED.length];
      const parts = places.slice(1).map((end, at) => CHUNKED.slice(places[at], end));
      expect(told(...parts)).toBe(told(CHUNKED));
    }),
  );
});
