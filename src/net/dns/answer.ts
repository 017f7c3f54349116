import { ROTATING_BYTES, type Body } from './body.ts';
import { skipName } from './name.ts';
import type { Edns, Query } from './query.ts';
import {
  FLAG,
  HEADER_BYTES,
  MESSAGE_BYTES_MAX,
  OPT_BYTES,
  OPT_DNSSEC_OK,
  RECORD_TAIL_BYTES,
  TYPE,
  UDP_BYTES_MAX,
  UDP_BYTES_MIN,
} from './wire.ts';

/** Messages to clients: the question as it came, what stands behind it, and no more of that than the client takes. */

export type Transport = 'udp' | 'tcp';

const KEPT_FLAGS = FLAG.wanted | FLAG.unchecked;

export function answerOf(query: Query, transport: Transport, rcode: number, body: Body, turn: number): Buffer {
  const message = frame(query, body.bytes.length, query.edns);
  const flags = FLAG.response | FLAG.available | FLAG.authoritative | (query.flags & KEPT_FLAGS) | (rcode & 0xf);
  writeHead(message, flags, body.answers, body.authorities, body.additionals + (query.edns === undefined ? 0 : 1));
  if (body.rotating > 1) {
    const from = (turn % body.rotating) * ROTATING_BYTES;
    const all = body.rotating * ROTATING_BYTES;
    body.bytes.copy(message, query.end, from, all);
    body.bytes.copy(message, query.end + all - from, 0, from);
    body.bytes.copy(message, query.end + all, all);
  } else body.bytes.copy(message, query.end);
  return fitted(message, query, transport);
}

/** `rest`: what stands behind the question, none of it an OPT record. `flags`: as they are, but for what the client had set. */
export function answerWith(
  query: Query,
  transport: Transport,
  flags: number,
  counts: readonly [answers: number, authorities: number, additionals: number],
  rest: Buffer,
): Buffer {
  const message = frame(query, rest.length, query.edns);
  writeHead(
    message,
    flags | FLAG.response | FLAG.available | (query.flags & KEPT_FLAGS),
    counts[0],
    counts[1],
    counts[2] + (query.edns === undefined ? 0 : 1),
  );
  rest.copy(message, query.end);
  return fitted(message, query, transport);
}

/** With nothing behind the question; also of what was no question. */
export function failure(query: Pick<Query, 'message' | 'end' | 'edns'>, rcode: number): Buffer {
  const message = frame(query, 0, query.edns);
  const flags = query.message.readUInt16BE(2) & (0x7800 | KEPT_FLAGS);
  writeHead(message, FLAG.response | FLAG.available | flags | (rcode & 0xf), 0, 0, query.edns === undefined ? 0 : 1);
  message.writeUInt16BE(query.end > HEADER_BYTES ? 1 : 0, 4);
  // The upper part of a long code stands in the OPT record.
  if (query.edns !== undefined) message[message.length - OPT_BYTES + 5] = rcode >> 4;
  return message;
}

function frame(query: Pick<Query, 'message' | 'end'>, restBytes: number, edns: Edns | undefined): Buffer {
  const end = query.end + restBytes;
  const message = Buffer.allocUnsafe(end + (edns === undefined ? 0 : OPT_BYTES));
  query.message.copy(message, 0, 0, query.end);
  if (edns !== undefined) writeOpt(message, end, edns);
  return message;
}

function writeHead(message: Buffer, flags: number, answers: number, authorities: number, additionals: number): void {
  message.writeUInt16BE(flags, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(answers, 6);
  message.writeUInt16BE(authorities, 8);
  message.writeUInt16BE(additionals, 10);
}

function writeOpt(message: Buffer, at: number, { dnssecOk }: Edns): void {
  message[at] = 0;
  message.writeUInt16BE(TYPE.OPT, at + 1);
  message.writeUInt16BE(UDP_BYTES_MAX, at + 3);
  message.writeUInt32BE(dnssecOk ? OPT_DNSSEC_OK : 0, at + 5);
  message.writeUInt16BE(0, at + 9);
}

/** Whole records from the front, as many as go in: some clients never ask again over TCP, and take what is there. */
function fitted(message: Buffer, query: Query, transport: Transport): Buffer {
  const bytesMax =
    transport === 'tcp'
      ? MESSAGE_BYTES_MAX
      : Math.min(UDP_BYTES_MAX, query.edns === undefined ? UDP_BYTES_MIN : query.edns.udpBytes);
  if (message.length <= bytesMax) return message;
  const optBytes = query.edns === undefined ? 0 : OPT_BYTES;
  const given = [message.readUInt16BE(6), message.readUInt16BE(8), message.readUInt16BE(10) - (optBytes === 0 ? 0 : 1)];
  const kept = [0, 0, 0];
  let end = query.end;
  let isFull = false;
  for (const [section, count] of given.entries())
    for (let index = 0; index < count && !isFull; index += 1) {
      const next = endOfRecord(message, end);
      isFull = next === undefined || next + optBytes > bytesMax;
      if (isFull || next === undefined) break;
      kept[section] = (kept[section] ?? 0) + 1;
      end = next;
    }
  const cut = Buffer.allocUnsafe(end + optBytes);
  message.copy(cut, 0, 0, end);
  if (query.edns !== undefined) writeOpt(cut, end, query.edns);
  // Addresses that were given beside the answer are no loss.
  const isCut = (kept[0] ?? 0) < (given[0] ?? 0) || (kept[1] ?? 0) < (given[1] ?? 0);
  writeHead(
    cut,
    message.readUInt16BE(2) | (isCut ? FLAG.truncated : 0),
    kept[0] ?? 0,
    kept[1] ?? 0,
    (kept[2] ?? 0) + (optBytes === 0 ? 0 : 1),
  );
  return cut;
}

function endOfRecord(message: Buffer, at: number): number | undefined {
  const nameEnd = skipName(message, at);
  if (nameEnd === undefined || nameEnd + RECORD_TAIL_BYTES > message.length) return undefined;
  const end = nameEnd + RECORD_TAIL_BYTES + message.readUInt16BE(nameEnd + 8);
  return end > message.length ? undefined : end;
}
