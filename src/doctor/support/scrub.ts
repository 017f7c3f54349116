import { PATH, SECRET_LENGTH_MIN, partsOf } from './known-secrets.ts';

/**
 * The second net, for texts whose words are not ours to choose (an error of an engine, a line of the kernel): what is known to be secret on this
 * machine, and what has the form of a secret, is replaced. The first net is that only known fields come here at all (allow.ts). Pure.
 */
export type Scrub = (text: string) => string;

export const WITHHELD = '[withheld]';

const SECRETS_MAX = 20_000;

export function scrubber(secrets: Iterable<string>): Scrub {
  const known = new Map<string, string[]>();
  let count = 0;
  for (const secret of partsOf(secrets)) {
    if ((count += 1) > SECRETS_MAX) break;
    const begin = secret.slice(0, SECRET_LENGTH_MIN);
    known.set(begin, [...(known.get(begin) ?? []), secret]);
  }
  for (const list of known.values()) list.sort((a, b) => b.length - a.length);
  return (text) => withoutForms(withoutKnown(text, known));
}

/** One pass, however many secrets there are. */
function withoutKnown(text: string, known: ReadonlyMap<string, readonly string[]>): string {
  if (known.size === 0) return text;
  let [out, from] = ['', 0];
  for (let at = 0; at + SECRET_LENGTH_MIN <= text.length;) {
    const found = known.get(text.slice(at, at + SECRET_LENGTH_MIN))?.find((secret) => text.startsWith(secret, at));
    if (found === undefined) {
      at += 1;
      continue;
    }
    out += text.slice(from, at) + WITHHELD;
    at += found.length;
    from = at;
  }
  return out + text.slice(from);
}

const SECRET_NAME =
  '[\\w-]{0,40}(?:passw(?:or)?d|passphrase|passwd|pwd|secret|token|auth|authorization|cookie|credentials?|(?:api|access|private)[-_]?key)';

/** What may stand behind such a name and is none: a path, what a help calls it; behind "token" a short word of a sentence, too ("the token: it has ended"). */
const NO_SECRET = `(?!(?-i:\\\\*["']?${PATH.source}["':;,.)]*(?:\\s|$)|FILE\\b|TOKEN\\b))`;
const NO_SENTENCE = `(?!(?<=token:)(?-i:\\s{1,3}[a-z]{1,${SECRET_LENGTH_MIN - 1}}\\b))`;

const FORMS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{1,40}-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]{1,40}-----)?/g, WITHHELD],
  // Join tokens.
  [/\bskr1\.[\w.-]+/g, WITHHELD],
  // JSON web tokens.
  [/\beyJ[\w-]{8,}\.[\w-]+\.?[\w-]*/g, WITHHELD],
  // What stands before the last @ of a URL: a password that is not encoded may hold any sign.
  [/:\/\/[^\s"'<>]+@/g, `://${WITHHELD}@`],
  // The same without a scheme; not an image with its digest.
  [/(^|[\s"'=(/])[^\s"'=(/:@]+:(?!\/\/)[^\s"'@]+@(?!sha\d)/g, `$1${WITHHELD}@`],
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${WITHHELD}`],
  [
    // Behind a path comes why it could not be read.
    new RegExp(
      `\\b(?<!/[\\w.-]{0,80}(?=[\\w.-]*:\\s))(${SECRET_NAME})(\\\\*["']?\\s{0,3}[:=]${NO_SENTENCE}\\s{0,3})${NO_SECRET}(\\\\*"[^"]*"|\\\\*'[^']*'|[^\\s"',;]+)`,
      'gi',
    ),
    `$1$2${WITHHELD}`,
  ],
  [new RegExp(`((?:^|\\s)--?${SECRET_NAME})\\s+${NO_SECRET}[^\\s-]\\S*`, 'gi'), `$1 ${WITHHELD}`],
  // Of accounts at a cloud, and of passwords as a system keeps them.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, WITHHELD],
  [/\$(?:1|2[aby]|5|6|y|argon2id?)\$[\w./$=,+-]+/g, WITHHELD],
];

/** Words of at least this many letters that mix cases and digits are keys, not names: those are lower case here. */
const OPAQUE = /[A-Za-z0-9+/_=-]{24,}/g;

function withoutForms(text: string): string {
  const plain = FORMS.reduce((left, [form, instead]) => left.replaceAll(form, instead), text);
  return plain.replaceAll(OPAQUE, (word) => (isOpaque(word) ? WITHHELD : word));
}

function isOpaque(word: string): boolean {
  // Paths, and names made of several words.
  const pieces = word.split(/[/_-]+/);
  return pieces.some((piece) => piece.length >= 20 && /[a-z]/.test(piece) && /[A-Z]/.test(piece) && /\d/.test(piece));
}

/** The same for every text in JSON, names among them; nothing is kept under a name that says what it is. */
export function scrubLeaves(value: unknown, scrub: Scrub): unknown {
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.map((element) => scrubLeaves(element, scrub));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      scrub(name),
      typeof inner === 'string' && IS_SECRET_NAME.test(name) ? WITHHELD : scrubLeaves(inner, scrub),
    ]),
  );
}

const IS_SECRET_NAME = new RegExp(`^${SECRET_NAME}$`, 'i');
