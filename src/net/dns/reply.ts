import { keyOfBytes, readName, skipName, type NameKey } from './name.ts';
import { CLASS_IN, FLAG, HEADER_BYTES, QUESTION_TAIL_BYTES, RCODE, RECORD_TAIL_BYTES, TYPE } from './wire.ts';

/**
 * An answer of somebody else's name server. Its bytes are passed on as they are, but for times to live and its OPT record, which is between it and us; only where it becomes part of an
 * answer of ours (behind an alias) are its records taken apart.
 */
export type Reply = {
  readonly flags: number;
  readonly rcode: number;
  readonly isTruncated: boolean;
  /** Behind the question, without OPT and what followed it. */
  readonly rest: Buffer;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
  /** Where in `rest` times to live stand. */
  readonly ttls: readonly number[];
  /** How long it may be kept; 0: not at all. */
  readonly seconds: number;
};

export type Asked = { readonly id: number; readonly key: NameKey; readonly type: number };

/** What a name server may make us believe at most. */
const SECONDS_MAX = 86_400;
/** The same for names that are not there (RFC 2308, 5). */
const NEGATIVE_SECONDS_MAX = 3 * 3_600;

/** Undefined: it is no answer to that. */
export function readReply(message: Buffer, asked: Asked): Reply | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== asked.id) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) === 0 || message.readUInt16BE(4) !== 1) return undefined;
  const nameEnd = skipName(message, HEADER_BYTES);
  if (nameEnd === undefined || nameEnd + QUESTION_TAIL_BYTES > message.length) return undefined;
  if (message.readUInt16BE(nameEnd) !== asked.type || message.readUInt16BE(nameEnd + 2) !== CLASS_IN) return undefined;
  if (keyOfBytes(message, HEADER_BYTES, nameEnd - HEADER_BYTES) !== asked.key) return undefined;
  const start = nameEnd + QUESTION_TAIL_BYTES;
  const isTruncated = (flags & FLAG.truncated) !== 0;
  const walked = walk(message, start);
  if (walked === undefined && !isTruncated) return undefined;
  const rcode = flags & 0xf;
  const { end, counts, ttls, answerSeconds, soaSeconds } = walked ?? {
    end: start,
    counts: [0, 0, 0],
    ttls: [],
    answerSeconds: undefined,
    soaSeconds: undefined,
  };
  // An alias that leads to nothing has both: the answer is as old as the alias, and says for as long as its SOA that nothing is there.
  const isThere = rcode === RCODE.noError && answerSeconds !== undefined && soaSeconds === undefined;
  const kept = isThere
    ? Math.min(answerSeconds, SECONDS_MAX)
    : Math.min(soaSeconds ?? 0, answerSeconds ?? NEGATIVE_SECONDS_MAX, NEGATIVE_SECONDS_MAX);
  return {
    flags: flags & ~(FLAG.response | FLAG.authoritative | FLAG.truncated | FLAG.wanted | FLAG.unchecked),
    rcode,
    isTruncated,
    rest: Buffer.from(message.subarray(start, end)),
    answers: counts[0] ?? 0,
    authorities: counts[1] ?? 0,
    additionals: counts[2] ?? 0,
    ttls: ttls.map((at) => at - start),
    seconds: rcode === RCODE.noError || rcode === RCODE.nameError ? kept : 0,
  };
}

type Walked = {
  readonly end: number;
  readonly counts: readonly number[];
  readonly ttls: readonly number[];
  readonly answerSeconds: number | undefined;
  readonly soaSeconds: number | undefined;
};

function walk(message: Buffer, start: number): Walked | undefined {
  const counts = [0, 0, 0];
  const ttls: number[] = [];
  let at = start;
  let answerSeconds: number | undefined;
  let soaSeconds: number | undefined;
  for (const section of [0, 1, 2]) {
    const count = message.readUInt16BE(6 + section * 2);
    for (let index = 0; index < count; index += 1) {
      const nameEnd = skipName(message, at);
      if (nameEnd === undefined || nameEnd + RECORD_TAIL_BYTES > message.length) return undefined;
      const end = nameEnd + RECORD_TAIL_BYTES + message.readUInt16BE(nameEnd + 8);
      if (end > message.length) return undefined;
      const type = message.readUInt16BE(nameEnd);
      // It is the last as a rule, and what points anywhere points backwards.
      if (type === TYPE.OPT) return { end: at, counts, ttls, answerSeconds, soaSeconds };
      const ttl = secondsAt(message, nameEnd + 4);
      if (section === 0) answerSeconds = Math.min(answerSeconds ?? ttl, ttl);
      // Its minimum is the last of its numbers.
      if (section === 1 && type === TYPE.SOA && end - nameEnd > RECORD_TAIL_BYTES + 20)
        soaSeconds = Math.min(ttl, secondsAt(message, end - 4));
      ttls.push(nameEnd + 4);
      counts[section] = (counts[section] ?? 0) + 1;
      at = end;
    }
  }
  return { end: at, counts, ttls, answerSeconds, soaSeconds };
}

/** RFC 2181, 8: with the highest bit set it is 0. */
function secondsAt(message: Buffer, at: number): number {
  const seconds = message.readUInt32BE(at);
  return seconds >= 2 ** 31 ? 0 : seconds;
}

/** `rest` as it is `agedSeconds` later; at least `leastSeconds` are left of each time to live. */
export function aged(reply: Reply, agedSeconds: number, leastSeconds: number): Buffer {
  const rest = Buffer.from(reply.rest);
  for (const at of reply.ttls) {
    const left = Math.min(secondsAt(rest, at), SECONDS_MAX) - agedSeconds;
    rest.writeUInt32BE(Math.max(left, leastSeconds, 0), at);
  }
  return rest;
}

export type Unpacked = { readonly bytes: Buffer; readonly answers: number; readonly authorities: number };

/** Records of answer and authority without pointers, so that they can stand in any message. `question`: the name they stand behind. */
export function unpack({ bytes: rest, answers, authorities }: Unpacked, question: NameKey): Unpacked | undefined {
  const message = Buffer.concat([
    Buffer.alloc(HEADER_BYTES),
    Buffer.from(question, 'latin1'),
    Buffer.alloc(QUESTION_TAIL_BYTES),
    rest,
  ]);
  const records: Buffer[] = [];
  let at = HEADER_BYTES + question.length + QUESTION_TAIL_BYTES;
  for (let index = 0; index < answers + authorities; index += 1) {
    const nameEnd = skipName(message, at);
    const owner = readName(message, at);
    if (nameEnd === undefined || owner === undefined) return undefined;
    const dataAt = nameEnd + RECORD_TAIL_BYTES;
    const end = dataAt + message.readUInt16BE(nameEnd + 8);
    const data = unpackData(message, message.readUInt16BE(nameEnd), dataAt, end);
    if (data === undefined) return undefined;
    const fixed = Buffer.from(message.subarray(nameEnd, dataAt));
    fixed.writeUInt16BE(data.length, 8);
    records.push(owner, fixed, data);
    at = end;
  }
  return { bytes: Buffer.concat(records), answers, authorities };
}

/** Only the types of RFC 1035 may have pointers in their data (RFC 3597, 4); and SRV, which some do shorten. */
function unpackData(message: Buffer, type: number, at: number, end: number): Buffer | undefined {
  const layout = NAMES_IN_DATA.get(type);
  if (layout === undefined) return message.subarray(at, end);
  const parts: Buffer[] = [message.subarray(at, at + layout.before)];
  let here = at + layout.before;
  for (let index = 0; index < layout.names; index += 1) {
    const name = readName(message, here);
    const next = skipName(message, here);
    if (name === undefined || next === undefined || next > end) return undefined;
    parts.push(name);
    here = next;
  }
  return Buffer.concat([...parts, message.subarray(here, end)]);
}

const NAMES_IN_DATA: ReadonlyMap<number, { readonly before: number; readonly names: number }> = new Map([
  [TYPE.NS, { before: 0, names: 1 }],
  [TYPE.CNAME, { before: 0, names: 1 }],
  [TYPE.PTR, { before: 0, names: 1 }],
  [TYPE.SOA, { before: 0, names: 2 }],
  [TYPE.MX, { before: 2, names: 1 }],
  [TYPE.SRV, { before: 6, names: 1 }],
]);
