/** Chance as an argument: every id, name suffix and jitter comes from one of these, so that a simulator run can be replayed from its seed. */
export type Ids = {
  /** RFC 9562 version 4. */
  readonly uuid: () => string;
  /** `length` characters of Kubernetes' name-suffix alphabet (no vowels, no look-alikes), as apimachinery's rand.String. */
  readonly suffix: (length: number) => string;
  /** `length` bytes, unguessable with systemIds; never with seededIds. */
  readonly bytes: (length: number) => Uint8Array;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
};

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Loaded when it is first needed: a command that asks for no chance starts 4 ms sooner. */
const crypto = () => process.getBuiltinModule('node:crypto');

export const systemIds: Ids = {
  uuid: () => crypto().randomUUID(),
  suffix: (length) => suffixFrom(crypto().randomBytes(length)),
  bytes: (length) => crypto().randomBytes(length),
  random: () => crypto().randomBytes(4).readUInt32LE() / 2 ** 32,
};

/** Reproducible chance (mulberry32) for tests and the simulator. */
export function seededIds(seed: number): Ids {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const bytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  return {
    random,
    bytes,
    suffix: (length) => suffixFrom(bytes(length)),
    uuid: () => uuidFrom(bytes(16)),
  };
}

function suffixFrom(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]).join('');
}

function uuidFrom(bytes: Uint8Array): string {
  const stamped = Uint8Array.from(bytes);
  stamped[6] = ((stamped[6] ?? 0) & 0x0f) | 0x40;
  stamped[8] = ((stamped[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(stamped, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
