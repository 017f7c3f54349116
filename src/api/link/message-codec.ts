import { SkerryError } from '#lib/error.ts';
import { HASH_PATTERN } from './canonical.ts';
import { decodeFrame, encodeFrame, type Codec } from './frame.ts';
import {
  BATCH_RECORDS_MAX,
  CHUNK_WINDOW_MAX,
  ITEMS_MAX,
  ITEM_BYTES_MAX,
  type Chunk,
  type ChunkPart,
  type Delta,
  type DeltaOp,
  type DownMessage,
  type OutboxRecord,
  type ReceivedStatus,
  type UnreadableRecord,
  type UpMessage,
  type Hello,
  type Status,
} from './messages.ts';
import { count, fields, flag, json, list, matching, oneOf, optional, text, type Fields } from './reader.ts';
import { decodeReport } from './report-decode.ts';
import type { SignedStatement } from './statement.ts';

/**
 * Messages to bytes and back, parsed here and trusted inside. Whatever comes in, the decoders give a message, `undefined` for a type
 * they do not know (a later release's), or throw SkerryError `BadFrame`, `UnsupportedFrame` or `BadMessage`; nothing else.
 */
export type Encoded = { readonly kind: string; readonly payload: Uint8Array };
export type ReceivedUp = Exclude<UpMessage, Status> | ReceivedStatus;

const ID_MAX = 128;
const SIGNATURE_MAX = 128;
const KEY_MAX = 600;
const WHY_MAX = 1_024;
const CODECS_MAX = 16;
const KEEPALIVE_MS_MAX = 24 * 3_600_000;
const TTL_MS_MAX = 24 * 3_600_000;
const NOTHING = new Uint8Array(0);

export function encodeUp(message: UpMessage, codecs: readonly Codec[]): Encoded {
  const { type: kind, ...head } = message;
  return { kind, payload: encodeFrame(head, NOTHING, codecs) };
}

export function encodeDown(message: DownMessage, codecs: readonly Codec[]): Encoded {
  if (message.type === 'chunk') {
    const parts = message.parts.map(({ hash, from, size, bytes }) => ({ hash, from, size, bytes: bytes.length }));
    const body = Buffer.concat(message.parts.map((part) => part.bytes));
    const missing = message.missing.length === 0 ? {} : { missing: message.missing };
    return { kind: message.type, payload: encodeFrame({ parts, ...missing }, body, codecs) };
  }
  if (message.type === 'delta') {
    const ops = message.ops.map((op) =>
      'gone' in op ? op : { key: op.key, hash: op.hash, ...(op.bytes === undefined ? {} : { bytes: op.bytes.length }) },
    );
    const body = Buffer.concat(message.ops.map((op) => ('gone' in op ? NOTHING : (op.bytes ?? NOTHING))));
    return { kind: message.type, payload: encodeFrame({ base: message.base, ops, head: message.head }, body, codecs) };
  }
  const { type: kind, ...head } = message;
  return { kind, payload: encodeFrame(head, NOTHING, codecs) };
}

export function decodeUp(kind: string, payload: Uint8Array): ReceivedUp | undefined {
  switch (kind) {
    case 'hello':
      return decodeHello(head(payload, kind));
    case 'st':
      return decodeStatus(head(payload, kind));
    case 'get': {
      const get = head(payload, kind);
      return {
        type: 'get',
        wants: list(get['wants'], 'get.wants', ITEMS_MAX + 1, (value, place) => {
          const want = fields(value, place);
          return { hash: hash(want['hash'], `${place}.hash`), from: count(want['from'], `${place}.from`, 0, ITEM_BYTES_MAX) };
        }),
        chunks: count(get['chunks'], 'get.chunks', 1, CHUNK_WINDOW_MAX),
      };
    }
    case 'rsp': {
      const rsp = head(payload, kind);
      return { type: 'rsp', id: id(rsp['id'], 'rsp.id'), ok: flag(rsp['ok'], 'rsp.ok'), body: json(rsp['body'], 'rsp.body') };
    }
    default:
      return undefined;
  }
}

export function decodeDown(kind: string, payload: Uint8Array): DownMessage | undefined {
  switch (kind) {
    case 'hi':
      return decodeHi(head(payload, kind));
    case 'ack': {
      const ack = head(payload, kind);
      const fullState = optional(ack['fullState'], (value) => flag(value, 'ack.fullState'));
      return { type: 'ack', ...decodeAck(ack, 'ack'), ...(fullState === undefined ? {} : { fullState }) };
    }
    case 'head':
      return { type: 'head', head: signed(head(payload, kind)['head'], 'head.head') };
    case 'delta':
      return decodeDelta(payload);
    case 'chunk':
      return decodeChunk(payload);
    case 'cmd': {
      const cmd = head(payload, kind);
      return {
        type: 'cmd',
        session: id(cmd['session'], 'cmd.session'),
        id: id(cmd['id'], 'cmd.id'),
        kind: id(cmd['kind'], 'cmd.kind'),
        ttlMs: count(cmd['ttlMs'], 'cmd.ttlMs', 0, TTL_MS_MAX),
        body: json(cmd['body'], 'cmd.body'),
        signature: text(cmd['signature'], 'cmd.signature', SIGNATURE_MAX),
      };
    }
    default:
      return undefined;
  }
}

function decodeHello(hello: Fields): Hello {
  const clock = fields(hello['clock'], 'hello.clock');
  const outbox = fields(hello['outbox'], 'hello.outbox');
  const itemsMax = optional(hello['itemsMax'], (value) => count(value, 'hello.itemsMax'));
  const document = optional(hello['document'], (value) => signed(value, 'hello.document'));
  const ackedSeq = count(outbox['ackedSeq'], 'hello.outbox.ackedSeq');
  return {
    type: 'hello',
    session: id(hello['session'], 'hello.session'),
    instance: id(hello['instance'], 'hello.instance'),
    protocol: count(hello['protocol'], 'hello.protocol', 1),
    release: text(hello['release'], 'hello.release', ID_MAX),
    codecs: list(hello['codecs'], 'hello.codecs', CODECS_MAX, (value, place) => count(value, place)),
    keepaliveMs: count(hello['keepaliveMs'], 'hello.keepaliveMs', 1, KEEPALIVE_MS_MAX),
    clock: {
      bootId: text(clock['bootId'], 'hello.clock.bootId', ID_MAX),
      wallMs: count(clock['wallMs'], 'hello.clock.wallMs'),
      monotonicMs: count(clock['monotonicMs'], 'hello.clock.monotonicMs'),
    },
    outbox: {
      epoch: id(outbox['epoch'], 'hello.outbox.epoch'),
      ackedSeq,
      lastSeq: count(outbox['lastSeq'], 'hello.outbox.lastSeq', ackedSeq),
    },
    ...(itemsMax === undefined ? {} : { itemsMax }),
    ...(document === undefined ? {} : { document }),
  };
}

function decodeStatus(st: Fields): ReceivedStatus {
  const after = count(st['after'], 'st.after');
  const observed = optional(st['observed'], (value) => {
    const seen = fields(value, 'st.observed');
    return { ...place(seen, 'st.observed'), confirmed: flag(seen['confirmed'], 'st.observed.confirmed') };
  });
  let before = after;
  const records = list(st['records'], 'st.records', BATCH_RECORDS_MAX, (value, where) => {
    const record = fields(value, where);
    const seq = count(record['seq'], `${where}.seq`, before + 1);
    before = seq;
    return decodeRecord(seq, record, where);
  });
  return {
    type: 'st',
    epoch: id(st['epoch'], 'st.epoch'),
    after,
    records,
    ...(observed === undefined ? {} : { observed }),
  };
}

function decodeRecord(seq: number, record: Fields, where: string): OutboxRecord | UnreadableRecord {
  try {
    if (record['lost'] === undefined) return { seq, report: decodeReport(record['report'], `${where}.report`) };
    const lost = fields(record['lost'], `${where}.lost`);
    return {
      seq,
      lost: { count: count(lost['count'], `${where}.lost.count`), fromSeq: count(lost['fromSeq'], `${where}.lost.fromSeq`) },
    };
  } catch (error) {
    if (error instanceof SkerryError) return { seq, unreadable: error.message };
    throw error;
  }
}

function decodeHi(hi: Fields): DownMessage {
  const hello = optional(hi['hello'], (value) => flag(value, 'hi.hello'));
  const fullState = optional(hi['fullState'], (value) => flag(value, 'hi.fullState'));
  const ack = optional(hi['ack'], (value) => decodeAck(fields(value, 'hi.ack'), 'hi.ack'));
  const refused = optional(hi['refused'], (value) => {
    const refusal = fields(value, 'hi.refused');
    return {
      why: text(refusal['why'], 'hi.refused.why', WHY_MAX),
      retryAfterMs: count(refusal['retryAfterMs'], 'hi.refused.retryAfterMs'),
    };
  });
  return {
    type: 'hi',
    session: id(hi['session'], 'hi.session'),
    protocol: count(hi['protocol'], 'hi.protocol', 1),
    codecs: list(hi['codecs'], 'hi.codecs', CODECS_MAX, (value, where) => count(value, where)),
    serverTimeMs: count(hi['serverTimeMs'], 'hi.serverTimeMs'),
    ...(hello === undefined ? {} : { hello }),
    ...(fullState === undefined ? {} : { fullState }),
    ...(ack === undefined ? {} : { ack }),
    ...(refused === undefined ? {} : { refused }),
  };
}

function decodeAck(ack: Fields, where: string): { readonly epoch: string; readonly seq: number } {
  return { epoch: id(ack['epoch'], `${where}.epoch`), seq: count(ack['seq'], `${where}.seq`) };
}

function decodeDelta(payload: Uint8Array): Delta {
  const frame = decodeFrame(payload);
  const delta = fields(frame.head, 'delta');
  const cut = cutter(frame.body, 'delta');
  const ops = list(delta['ops'], 'delta.ops', ITEMS_MAX, (value, where): DeltaOp => {
    const op = fields(value, where);
    const key = text(op['key'], `${where}.key`, KEY_MAX);
    if (op['gone'] !== undefined) return { key, gone: oneGone(op['gone'], `${where}.gone`) };
    const bytes = optional(op['bytes'], (size) => cut(size, `${where}.bytes`));
    return { key, hash: hash(op['hash'], `${where}.hash`), ...(bytes === undefined ? {} : { bytes }) };
  });
  return {
    type: 'delta',
    base: place(fields(delta['base'], 'delta.base'), 'delta.base'),
    ops,
    head: signed(delta['head'], 'delta.head'),
  };
}

function decodeChunk(payload: Uint8Array): Chunk {
  const frame = decodeFrame(payload);
  const chunk = fields(frame.head, 'chunk');
  const cut = cutter(frame.body, 'chunk');
  const parts = list(chunk['parts'], 'chunk.parts', ITEMS_MAX + 1, (value, where): ChunkPart => {
    const part = fields(value, where);
    return {
      hash: hash(part['hash'], `${where}.hash`),
      from: count(part['from'], `${where}.from`, 0, ITEM_BYTES_MAX),
      size: count(part['size'], `${where}.size`, 0, ITEM_BYTES_MAX),
      bytes: cut(part['bytes'], `${where}.bytes`),
    };
  });
  return { type: 'chunk', parts, missing: list(chunk['missing'] ?? [], 'chunk.missing', ITEMS_MAX + 1, hash) };
}

/** Takes the next bytes of a body; a message that claims more than there are is refused. */
function cutter(body: Uint8Array, type: string): (size: unknown, where: string) => Uint8Array {
  let from = 0;
  return (size, where) => {
    const bytes = count(size, where, 0, ITEM_BYTES_MAX);
    if (from + bytes > body.length)
      throw new SkerryError(
        'BadMessage',
        `read a link message: ${where} claims ${bytes} bytes, the ${type} has ${body.length - from} left`,
      );
    from += bytes;
    return body.subarray(from - bytes, from);
  };
}

function signed(value: unknown, where: string): SignedStatement {
  const whole = fields(value, where);
  const statement = fields(whole['statement'], `${where}.statement`);
  return {
    statement: {
      cluster: id(statement['cluster'], `${where}.statement.cluster`),
      node: text(statement['node'], `${where}.statement.node`, KEY_MAX),
      incarnation: id(statement['incarnation'], `${where}.statement.incarnation`),
      confirmed: flag(statement['confirmed'], `${where}.statement.confirmed`),
      rev: count(statement['rev'], `${where}.statement.rev`),
      digest: hash(statement['digest'], `${where}.statement.digest`),
    },
    signature: text(whole['signature'], `${where}.signature`, SIGNATURE_MAX),
  };
}

function place(value: Fields, where: string): { readonly incarnation: string; readonly rev: number; readonly digest: string } {
  return {
    incarnation: id(value['incarnation'], `${where}.incarnation`),
    rev: count(value['rev'], `${where}.rev`),
    digest: hash(value['digest'], `${where}.digest`),
  };
}

function oneGone(value: unknown, where: string): true {
  oneOf(String(value), where, ['true']);
  return true;
}

function head(payload: Uint8Array, type: string): Fields {
  return fields(decodeFrame(payload).head, type);
}

const id = (value: unknown, where: string): string => text(value, where, ID_MAX);
const hash = (value: unknown, where: string): string => matching(value, where, HASH_PATTERN, 'a SHA-256 in hex');
