import { generateKeyPairSync } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '#lib/error.ts';
import { canonicalBytes, hashOf } from './canonical.ts';
import { canonicalText } from './canonical-text.ts';
import { DICTIONARY_1 } from './dictionary.ts';
import { CODECS, FRAME_BYTES_MAX, commonCodecs, decodeFrame, encodeFrame } from './frame.ts';
import { decodeDown, decodeUp, encodeDown, encodeUp } from './message-codec.ts';
import type { DownMessage, UpMessage } from './messages.ts';
import { digestOf, isSigned, isSignedCommand, signCommand, signStatement } from './statement.ts';

const HASH_A = hashOf(Buffer.from('a'));
const KINDS = ['hello', 'st', 'get', 'rsp', 'hi', 'ack', 'head', 'delta', 'chunk', 'cmd', 'later'];
const keys = generateKeyPairSync('ed25519');
const statement = { cluster: 'c', node: 'n', incarnation: 'i', confirmed: true, rev: 7, digest: HASH_A };
const head = signStatement(statement, keys.privateKey);

test('canonical text: one text per value, whatever order its fields came in', () => {
  expect(canonicalText({ b: [1, { d: null, c: 'x' }], a: undefined, A: true })).toBe('{"A":true,"b":[1,{"c":"x","d":null}]}');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalText(value);
      expect(canonicalText(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('what is part of the wire for ever has not moved', () => {
  expect(hashOf(DICTIONARY_1)).toBe('542b2706c5eec20ef65b4695e3a0e08654beee3057e44b4f2315f7e8e23a78f5');
  expect(hashOf(canonicalBytes({ b: 1, a: 'é' }))).toBe('aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e');
  expect(
    digestOf(
      new Map([
        ['pods/2', HASH_A],
        ['node', HASH_A],
      ]),
    ),
  ).toBe('8cea552386dc35c440418e92c1965af144fa80bd6890d7763347b15d686aa15c');
});

const UP: readonly UpMessage[] = [
  {
    type: 'hello',
    session: 's',
    instance: 'i',
    protocol: 1,
    release: '0.1.0',
    codecs: [0, 1, 2, 9],
    keepaliveMs: 30_000,
    clock: { bootId: 'b', wallMs: 1, monotonicMs: 2 },
    outbox: { epoch: 'e', ackedSeq: 3, lastSeq: 9 },
    document: head,
  },
  {
    type: 'st',
    epoch: 'e',
    after: 3,
    records: [
      {
        seq: 4,
        report: {
          class: 'state',
          key: 'pods/u',
          body: { uid: 'u', namespace: 'd', name: 'p', status: { phase: 'Running' }, gone: true },
        },
      },
      { seq: 6, lost: { count: 2, fromSeq: 5 } },
      {
        seq: 7,
        report: {
          class: 'event',
          body: {
            involved: { kind: 'Pod', namespace: 'd', name: 'p', uid: 'u' },
            type: 'Normal',
            reason: 'R',
            message: 'm',
            time: 't',
            count: 1,
          },
        },
      },
      { seq: 8, report: { class: 'decision', body: { type: 'verdict', uid: 'u', phase: 'Failed', reason: 'r', message: '' } } },
      { seq: 9, report: { class: 'state', key: 'node', body: { status: {}, labels: { a: 'b' } } } },
    ],
    observed: { incarnation: 'i', confirmed: true, rev: 7, digest: HASH_A },
  },
  { type: 'get', wants: [{ hash: HASH_A, from: 32_768 }], chunks: 4 },
  { type: 'rsp', id: 'x', ok: false, body: { why: 'no' } },
];

const DOWN: readonly DownMessage[] = [
  {
    type: 'hi',
    session: 's',
    protocol: 1,
    codecs: [0, 1],
    serverTimeMs: 5,
    hello: true,
    fullState: false,
    ack: { epoch: 'e', seq: 3 },
    refused: { why: 'w', retryAfterMs: 1 },
  },
  { type: 'ack', epoch: 'e', seq: 9, fullState: true },
  { type: 'head', head },
  {
    type: 'delta',
    base: { incarnation: 'i', rev: 6, digest: HASH_A },
    ops: [
      { key: 'pods/u', hash: HASH_A, bytes: Buffer.from('a') },
      { key: 'pods/v', gone: true },
      { key: 'pods/w', hash: HASH_A },
    ],
    head,
  },
  { type: 'chunk', parts: [{ hash: HASH_A, from: 0, size: 1, bytes: Buffer.from('a') }], missing: [HASH_A] },
  { type: 'cmd', session: 's', id: 'x', kind: 'open-tunnel', ttlMs: 1_000, body: { ticket: 't' }, signature: 'AA==' },
];

test.each([[[0]], [[0, 1]], [[0, 1, 2]]] as const)('every message survives codecs %j', (codecs) => {
  for (const message of UP) {
    const { kind, payload } = encodeUp(message, codecs);
    expect(decodeUp(kind, payload)).toEqual(message);
  }
  for (const message of DOWN) {
    const { kind, payload } = encodeDown(message, codecs);
    expect(decodeDown(kind, payload)).toEqual(message);
  }
});

test('a small status travels in well under half its size', () => {
  const plain = encodeUp(UP[1]!, [0]).payload.length;
  expect(encodeUp(UP[1]!, CODECS).payload.length).toBeLessThan(plain / 2);
  expect(commonCodecs([2, 7])).toEqual([0, 2]);
});

test('fields and records of a later release are passed over, one by one', () => {
  const later = encodeFrame({
    epoch: 'e',
    after: 0,
    colour: 'red',
    records: [
      { seq: 1, report: { class: 'poem', body: {} } },
      { seq: 2, lost: { count: 1, fromSeq: 1 } },
    ],
  });
  expect(decodeUp('st', later)).toEqual({
    type: 'st',
    epoch: 'e',
    after: 0,
    records: [
      { seq: 1, unreadable: 'read a link message: st.records[0].report.class should be state or event or decision, not "poem"' },
      { seq: 2, lost: { count: 1, fromSeq: 1 } },
    ],
  });
  expect(decodeUp('later', later)).toBeUndefined();
});

function checkRefused(frame: Uint8Array, code: string, words: RegExp): void {
  let thrown: unknown;
  try {
    decodeUp('st', frame);
  } catch (error) {
    thrown = error;
  }
  expect(hasCode(thrown, code), String(thrown)).toBe(true);
  expect(String(thrown)).toMatch(words);
}

test('malformed frames are refused with what is wrong', () => {
  checkRefused(Buffer.of(), 'BadFrame', /0 bytes/);
  checkRefused(Buffer.of(0x20, 0), 'UnsupportedFrame', /version 2/);
  checkRefused(Buffer.of(0x10, 2, 0, 0, 0, 0), 'UnsupportedFrame', /flags 0x2/);
  checkRefused(Buffer.of(0x1f, 0, 1), 'UnsupportedFrame', /codec 15/);
  checkRefused(Buffer.of(0x10, 0, 0, 0, 9, 9, 1), 'BadFrame', /2313 bytes, 1 are there/);
  checkRefused(Buffer.of(0x12, 0, 1, 2, 3), 'BadFrame', /decompressed/);
  checkRefused(encodeFrame({ epoch: 'e', after: 0, records: 7 }), 'BadMessage', /st\.records should be a list, not 7/);
  checkRefused(encodeFrame({ epoch: 'e', after: 3, records: [{ seq: 3 }] }), 'BadMessage', /seq should be a whole number from 4/);
  const bomb = Buffer.concat([
    Buffer.of(0x11, 0),
    deflateRawSync(Buffer.alloc(FRAME_BYTES_MAX * 4), { dictionary: DICTIONARY_1 }),
  ]);
  checkRefused(bomb, 'BadFrame', /decompressed/);
});

test('hostile bytes never do anything but be refused', () => {
  const ours = [...UP.map((m) => encodeUp(m, CODECS)), ...DOWN.map((m) => encodeDown(m, CODECS))];
  const decodes = (kind: string, payload: Uint8Array) => {
    for (const decode of [decodeUp, decodeDown]) {
      try {
        decode(kind, payload);
      } catch (error) {
        expect(hasCode(error, 'BadFrame', 'UnsupportedFrame', 'BadMessage'), String(error)).toBe(true);
      }
    }
  };
  fc.assert(fc.property(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 64 }), decodes), { numRuns: 2_000 });
  fc.assert(
    fc.property(fc.constantFrom(...ours), fc.nat(), fc.nat(255), ({ kind, payload }, at, byte) => {
      const broken = Uint8Array.from(payload);
      broken[at % broken.length] = byte;
      decodes(kind, broken);
      decodes(kind, payload.subarray(0, at % payload.length));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.jsonValue(), (kind, value) => decodes(kind, encodeFrame(value))),
    { numRuns: 1_000 },
  );
  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
  const frame = encodeFrame({ id: 'x', ok: true, body: 0 });
  expect(decodeFrame(frame).head).toEqual({ id: 'x', ok: true, body: 0 });
  const text = Buffer.from(`{"id":"x","ok":true,"body":${deep}}`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  decodes('rsp', Buffer.concat([Buffer.of(0x10, 0), length, text]));
});

test('a signature holds for its statement, its purpose and its key, and for nothing else', () => {
  expect(isSigned(head, keys.publicKey)).toBe(true);
  expect(isSigned({ ...head, statement: { ...statement, rev: 8 } }, keys.publicKey)).toBe(false);
  expect(isSigned({ ...head, statement: { ...statement, confirmed: false } }, keys.publicKey)).toBe(false);
  expect(isSigned({ ...head, signature: 'rubbish' }, keys.publicKey)).toBe(false);
  expect(isSigned(head, generateKeyPairSync('ed25519').publicKey)).toBe(false);
  const command = { cluster: 'c', node: 'n', session: 's', id: '1', kind: 'k', body: { a: 1 } };
  const signature = signCommand(command, keys.privateKey);
  expect(isSignedCommand(command, signature, keys.publicKey)).toBe(true);
  expect(isSignedCommand({ ...command, session: 't' }, signature, keys.publicKey)).toBe(false);
});
