import { keyOfBytes, skipName, skipWholeName, type NameKey } from './name.ts';
import { FLAG, HEADER_BYTES, OPT_DNSSEC_OK, QUESTION_TAIL_BYTES, RCODE, RECORD_TAIL_BYTES, TYPE, UDP_BYTES_MIN } from './wire.ts';

/**
 * A client's question, read once at the edge. The message itself is kept: an answer repeats its question as it was written (clients that vary
 * capitals against forgery compare).
 */
export type Query = {
  readonly message: Buffer;
  readonly key: NameKey;
  readonly type: number;
  readonly class: number;
  /** Of the question, from the beginning of the message. */
  readonly end: number;
  readonly flags: number;
  readonly edns: Edns | undefined;
};

export type Edns = { readonly udpBytes: number; readonly dnssecOk: boolean };

/** What cannot be asked so: with an rcode to say, or with nothing to be said at all (no question, or an answer). */
export type Refused = { readonly rcode: number; readonly message: Buffer; readonly end: number; readonly edns: Edns | undefined };

const OPCODE = 0x7800;
/** More is no question. */
const RECORDS_MAX = 16;

export function isRefused(query: Query | Refused): query is Refused {
  return 'rcode' in query;
}

export function parseQuery(message: Buffer): Query | Refused | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) !== 0) return undefined;
  const refused = (rcode: number, end = HEADER_BYTES, edns?: Edns): Refused => ({ rcode, message, end, edns });
  if ((flags & OPCODE) !== 0) return refused(RCODE.notImplemented);
  if (message.readUInt16BE(4) !== 1) return refused(RCODE.formatError);
  const nameEnd = skipWholeName(message, HEADER_BYTES);
  if (nameEnd === undefined || nameEnd + QUESTION_TAIL_BYTES > message.length) return refused(RCODE.formatError);
  const end = nameEnd + QUESTION_TAIL_BYTES;
  const edns = readEdns(message, end);
  if (edns === 'malformed') return refused(RCODE.formatError, end);
  if (edns === 'version') return refused(RCODE.badVersion, end, { udpBytes: UDP_BYTES_MIN, dnssecOk: false });
  return {
    message,
    key: keyOfBytes(message, HEADER_BYTES, nameEnd - HEADER_BYTES),
    type: message.readUInt16BE(nameEnd),
    class: message.readUInt16BE(nameEnd + 2),
    end,
    flags,
    edns,
  };
}

function readEdns(message: Buffer, from: number): Edns | undefined | 'malformed' | 'version' {
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  if (count === 0) return undefined;
  if (count > RECORDS_MAX) return 'malformed';
  let at = from;
  let edns: Edns | undefined | 'version';
  for (let index = 0; index < count; index += 1) {
    const nameEnd = skipName(message, at);
    if (nameEnd === undefined || nameEnd + RECORD_TAIL_BYTES > message.length) return 'malformed';
    const end = nameEnd + RECORD_TAIL_BYTES + message.readUInt16BE(nameEnd + 8);
    if (end > message.length) return 'malformed';
    if (message.readUInt16BE(nameEnd) === TYPE.OPT) {
      if (edns !== undefined || nameEnd !== at + 1) return 'malformed';
      const udpBytes = Math.max(UDP_BYTES_MIN, message.readUInt16BE(nameEnd + 2));
      const dnssecOk = (message.readUInt16BE(nameEnd + 6) & OPT_DNSSEC_OK) !== 0;
      edns = message[nameEnd + 5] === 0 ? { udpBytes, dnssecOk } : 'version';
    }
    at = end;
  }
  return edns;
}
