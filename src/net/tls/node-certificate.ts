import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { Ids } from '#lib/ids.ts';
import { serialOf } from './serial.ts';

/**
 * The certificate that a node shows its key with: of the one shape that this needs, written out as DER (X.690) with tags and lengths. Whoever signs for others
 * does so by a library (certificates.ts), which an agent would carry through its life for this one file: 3 MB. Its dates mean nothing and depend on no clock.
 */
export function selfSignedCertificate(name: string, key: string, ids: Pick<Ids, 'bytes'>): string {
  const privateKey = createPrivateKey(key);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const subject = sequence(set(sequence(oid(COMMON_NAME), tagged(UTF8_STRING, Buffer.from(name)))));
  const content = sequence(
    tagged(EXPLICIT_0, integer(VERSION_3)),
    integer(serialOf(ids)),
    ECDSA_WITH_SHA256,
    subject,
    sequence(tagged(UTC_TIME, Buffer.from(BEGIN)), tagged(GENERALIZED_TIME, Buffer.from(NO_END))),
    subject,
    publicKey,
    tagged(
      EXPLICIT_3,
      sequence(
        extension(BASIC_CONSTRAINTS, CRITICAL, sequence()),
        extension(KEY_USAGE, CRITICAL, tagged(BIT_STRING, Buffer.from(DIGITAL_SIGNATURE))),
        extension(EXTENDED_KEY_USAGE, NOT_CRITICAL, sequence(oid(CLIENT_AUTH))),
      ),
    ),
  );
  const signature = sign('sha256', content, privateKey);
  const der = sequence(content, ECDSA_WITH_SHA256, tagged(BIT_STRING, Buffer.concat([NO_UNUSED_BITS, signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Tags, X.690 §8. */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;

/** RFC 5280 §4.1.2.1: 2 stands for version 3. */
const VERSION_3 = Buffer.from([2]);
const BEGIN = '000101000000Z';
/** RFC 5280 §4.1.2.5: no end. */
const NO_END = '99991231235959Z';
const CRITICAL = Buffer.from([0x01, 0x01, 0xff]);
const NOT_CRITICAL = Buffer.alloc(0);
const NO_UNUSED_BITS = Buffer.from([0]);
/** Of eight bits seven are unused; the first is set. */
const DIGITAL_SIGNATURE = [7, 0x80];

/** As they are encoded: 2.5.4.3, 2.5.29.19, 2.5.29.15, 2.5.29.37, 1.3.6.1.5.5.7.3.2, 1.2.840.10045.4.3.2. */
const COMMON_NAME = [0x55, 0x04, 0x03];
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13];
const KEY_USAGE = [0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE = [0x55, 0x1d, 0x25];
const CLIENT_AUTH = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const ECDSA_WITH_SHA256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));

function extension(id: readonly number[], critical: Uint8Array, value: Uint8Array): Buffer {
  return sequence(oid(id), critical, tagged(OCTET_STRING, value));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(SEQUENCE, Buffer.concat(parts));
}

function set(...parts: readonly Uint8Array[]): Buffer {
  return tagged(SET, Buffer.concat(parts));
}

function oid(bytes: readonly number[]): Buffer {
  return tagged(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

/** Of a number whose first bit is 0, so that it is positive. */
function integer(bytes: Uint8Array): Buffer {
  return tagged(INTEGER, bytes);
}

function tagged(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(bytes: number): readonly number[] {
  if (bytes < 0x80) return [bytes];
  if (bytes < 0x100) return [0x81, bytes];
  return [0x82, bytes >> 8, bytes & 0xff];
}
