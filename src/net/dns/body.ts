import { bytesOfKey, keyOfName, type NameKey } from './name.ts';
import type { DnsRecord } from './record.ts';
import { CLASS_IN, HEADER_BYTES, TYPE } from './wire.ts';

/**
 * What stands behind the question in an answer of our own, encoded once and given to everyone who asks for that name: its names point into the question, which is as long
 * for each of them.
 */
export type Body = {
  readonly bytes: Buffer;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
  /** So many records of ROTATING_BYTES at the beginning may change places: clients take the first. */
  readonly rotating: number;
};

/** An address with a pointer for a name. */
export const ROTATING_BYTES = 16;
/** Of records that may change at any moment, and that are asked for on the node itself. */
const TTL_SECONDS = 5;
/** A name's records beyond are left out: a message has an end. */
const RECORDS_MAX = 1_000;

const POINTER = 0xc000;
const TO_QUESTION = Buffer.from([0xc0, HEADER_BYTES]);

export function encodeAnswer(records: readonly DnsRecord[], additional: readonly DnsRecord[]): Body {
  const answers = records.slice(0, RECORDS_MAX).flatMap((record) => encodeOwned(TO_QUESTION, record));
  const others = additional.slice(0, RECORDS_MAX).flatMap((record) => {
    const owner = keyOfName(record.name);
    return owner === undefined ? [] : encodeOwned(bytesOfKey(owner), record);
  });
  return {
    bytes: Buffer.concat([...answers, ...others]),
    answers: answers.length,
    authorities: 0,
    additionals: others.length,
    rotating: answers.every(({ length }) => length === ROTATING_BYTES) ? answers.length : 0,
  };
}

/** The start of authority of `zone`, with its data: for the apex itself, and for what is not there. */
export function encodeAuthority(key: NameKey, zone: NameKey, soa: Buffer, isAnswer: boolean): Body {
  const owner = Buffer.alloc(2);
  owner.writeUInt16BE(POINTER | (HEADER_BYTES + key.length - zone.length));
  return {
    bytes: resourceRecord(owner, TYPE.SOA, soa),
    answers: isAnswer ? 1 : 0,
    authorities: isAnswer ? 0 : 1,
    additionals: 0,
    rotating: 0,
  };
}

/** Timers are for secondaries, of which there are none; the last of them is how long clients may believe that a name is not there. */
export function encodeSoa(server: NameKey, mailbox: NameKey, serial: number): Buffer {
  const timers = Buffer.alloc(20);
  for (const [index, value] of [serial >>> 0, 7200, 1800, 86_400, TTL_SECONDS].entries()) timers.writeUInt32BE(value, index * 4);
  return Buffer.concat([bytesOfKey(server), bytesOfKey(mailbox), timers]);
}

function encodeOwned(owner: Buffer, record: DnsRecord): readonly Buffer[] {
  const data = encodeData(record);
  return data === undefined ? [] : [resourceRecord(owner, TYPE[record.type], data)];
}

function resourceRecord(owner: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(TTL_SECONDS, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

/** Undefined: what it says can not be said in a message. */
function encodeData(record: DnsRecord): Buffer | undefined {
  switch (record.type) {
    case 'A':
      return encodeAddress(record.address);
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return encodeTarget(record.target);
    case 'SRV': {
      const target = encodeTarget(record.target);
      if (target === undefined) return undefined;
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(record.weight, 2);
      fixed.writeUInt16BE(record.port, 4);
      return Buffer.concat([fixed, target]);
    }
    case 'TXT': {
      const text = Buffer.from(record.text).subarray(0, 255);
      return Buffer.concat([Buffer.from([text.length]), text]);
    }
  }
}

function encodeTarget(target: string): Buffer | undefined {
  const key = keyOfName(target);
  return key === undefined ? undefined : bytesOfKey(key);
}

function encodeAddress(address: string): Buffer | undefined {
  const parts = address.split('.').map(Number);
  return parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256)
    ? Buffer.from(parts)
    : undefined;
}
