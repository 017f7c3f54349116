/**
 * DNS messages as a client of its own would read and write them, sharing nothing with src/net/dns: questions to bytes, answers to one line of text
 * ("NXDOMAIN aa; cluster.local SOA 5"). Throws on what is no message.
 */
export type AskOptions = {
  readonly type?: string;
  readonly id?: number;
  readonly flags?: number;
  readonly edns?: { readonly udpBytes: number; readonly dnssecOk?: boolean; readonly version?: number };
};

const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const;
const NAMES = new Map<number, string>(Object.entries(TYPES).map(([name, number]) => [number, name]));
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const WANTED = 0x0100;

export function question(name: string, { type = 'A', id = 7, flags = WANTED, edns }: AskOptions = {}): Buffer {
  const head = words(id, flags, 1, 0, 0, edns === undefined ? 0 : 1);
  const opt =
    edns === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([
          Buffer.from([0]),
          words(41, edns.udpBytes),
          Buffer.from([0, edns.version ?? 0, edns.dnssecOk === true ? 0x80 : 0, 0]),
          words(0),
        ]);
  return Buffer.concat([head, encodeName(name), words(typeNumber(type), 1), opt]);
}

/** An answer to `asked`, as a name server would give it: `records` as "name TTL type data", those behind `authority` where it says so. */
export function answerTo(
  asked: Buffer,
  {
    rcode = 'NOERROR',
    records = [],
    authority = [],
    truncated = false,
  }: {
    readonly rcode?: string;
    readonly records?: readonly string[];
    readonly authority?: readonly string[];
    readonly truncated?: boolean;
  },
): Buffer {
  const end = 12 + nameAt(asked, 12).bytes + 4;
  const flags = 0x8180 | (truncated ? 0x0200 : 0) | RCODES.indexOf(rcode);
  const opt = Buffer.concat([Buffer.from([0]), words(41, 1232), Buffer.alloc(6)]);
  const head = words(asked.readUInt16BE(0), flags, 1, records.length, authority.length, 1);
  return Buffer.concat([head, asked.subarray(12, end), ...[...records, ...authority].map(encodeRecord), opt]);
}

export function questionOf(message: Buffer): { readonly name: string; readonly type: string } {
  const { name, bytes } = nameAt(message, 12);
  return { name, type: NAMES.get(message.readUInt16BE(12 + bytes)) ?? '?' };
}

/** `NOERROR aa; web.default A 10.96.0.1 | zone SOA 5 | …`: the sections apart, the name of the question left out where records repeat it. */
export function told(message: Buffer): string {
  const flags = message.readUInt16BE(2);
  const marks = [flags & 0x0400 ? ' aa' : '', flags & 0x0200 ? ' tc' : '', flags & 0x0020 ? ' ad' : ''].join('');
  let at = 12;
  let asked = '';
  if (message.readUInt16BE(4) === 1) {
    const { name, bytes } = nameAt(message, at);
    asked = name;
    at += bytes + 4;
  }
  const sections = [6, 8, 10].map((where) => {
    const texts: string[] = [];
    for (let index = 0; index < message.readUInt16BE(where); index += 1) {
      const record = recordAt(message, at, asked);
      at = record.end;
      texts.push(record.text);
    }
    return texts.filter((text) => text !== '').join(', ');
  });
  if (at !== message.length) throw new Error(`${message.length - at} bytes behind the message`);
  const rest = sections.join(' | ').replace(/( \| )+$/, '');
  return `${RCODES[flags & 0xf] ?? flags & 0xf}${marks}${rest === '' ? '' : `; ${rest}`}`;
}

function recordAt(message: Buffer, from: number, asked: string): { readonly text: string; readonly end: number } {
  const { name, bytes } = nameAt(message, from);
  const at = from + bytes;
  const type = NAMES.get(message.readUInt16BE(at)) ?? `TYPE${message.readUInt16BE(at)}`;
  const seconds = message.readUInt32BE(at + 4);
  const data = at + 10;
  const end = data + message.readUInt16BE(at + 8);
  if (end > message.length) throw new Error('a record beyond the message');
  if (type === 'OPT') return { text: '', end };
  const owner = name.toLowerCase() === asked.toLowerCase() ? '' : `${name} `;
  return { text: `${owner}${type} ${dataText(message, type, data, end)} ${seconds}`, end };
}

function dataText(message: Buffer, type: string, at: number, end: number): string {
  switch (type) {
    case 'A':
      return [...message.subarray(at, end)].join('.');
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return nameAt(message, at).name;
    case 'SRV':
      return `${message.readUInt16BE(at)} ${message.readUInt16BE(at + 2)} ${message.readUInt16BE(at + 4)} ${nameAt(message, at + 6).name}`;
    case 'MX':
      return `${message.readUInt16BE(at)} ${nameAt(message, at + 2).name}`;
    case 'SOA':
      return nameAt(message, at).name;
    case 'TXT':
      return JSON.stringify(message.subarray(at + 1, end).toString());
    default:
      return message.subarray(at, end).toString('hex');
  }
}

function encodeRecord(text: string): Buffer {
  const [name = '', seconds = '', type = '', ...data] = text.split(' ');
  const bytes = encodeData(type, data);
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(Number(seconds));
  return Buffer.concat([encodeName(name), words(typeNumber(type), 1), ttl, words(bytes.length), bytes]);
}

function encodeData(type: string, data: readonly string[]): Buffer {
  const [first = '', second = '0'] = data;
  switch (type) {
    case 'A':
      return Buffer.from(first.split('.').map(Number));
    case 'MX':
      return Buffer.concat([words(Number(first)), encodeName(second)]);
    case 'SOA': {
      const timers = Buffer.alloc(20);
      timers.writeUInt32BE(Number(second), 16);
      return Buffer.concat([encodeName(first), encodeName(first), timers]);
    }
    case 'TXT':
      return Buffer.concat([Buffer.from([first.length]), Buffer.from(first)]);
    default:
      return encodeName(first);
  }
}

function nameAt(message: Buffer, from: number): { readonly name: string; readonly bytes: number } {
  const labels: string[] = [];
  let at = from;
  let bytes: number | undefined;
  for (let steps = 0; steps < 200; steps += 1) {
    const length = message[at] ?? -1;
    if (length < 0) throw new Error('a name beyond the message');
    if (length >= 0xc0) {
      bytes ??= at + 2 - from;
      at = message.readUInt16BE(at) & 0x3fff;
      continue;
    }
    if (length === 0) return { name: labels.join('.'), bytes: bytes ?? at + 1 - from };
    labels.push(message.subarray(at + 1, at + 1 + length).toString('latin1'));
    at += length + 1;
  }
  throw new Error('a name without an end');
}

function encodeName(name: string): Buffer {
  const labels = name === '' || name === '.' ? [] : name.replace(/\.$/, '').split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

function typeNumber(type: string): number {
  return type in TYPES ? TYPES[type as keyof typeof TYPES] : Number(type);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
