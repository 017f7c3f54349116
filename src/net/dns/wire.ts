/** The numbers of DNS messages (RFC 1035, 2782, 3596, 6891), as far as this server knows them. */
export const TYPE = {
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
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
export const CLASS_IN = 1;
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;
/** Of the header's third and fourth byte. */
export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  wanted: 0x0100,
  available: 0x0080,
  authentic: 0x0020,
  unchecked: 0x0010,
} as const;

export const HEADER_BYTES = 12;
/** Type and class. */
export const QUESTION_TAIL_BYTES = 4;
/** Type, class, time to live, length. */
export const RECORD_TAIL_BYTES = 10;
/** Of an OPT record without options. */
export const OPT_BYTES = 11;
/** In an OPT record's time to live. */
export const OPT_DNSSEC_OK = 0x8000;
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
/** What a client takes that says nothing. */
export const UDP_BYTES_MIN = 512;
/** What goes through any network unfragmented: what we offer, and give at most (DNS flag day 2020). */
export const UDP_BYTES_MAX = 1232;
export const MESSAGE_BYTES_MAX = 65_535;
