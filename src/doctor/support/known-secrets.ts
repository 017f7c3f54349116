import { fieldsOf, parsedJson } from '#lib/json-field.ts';

/** What of a value that is secret may come up by itself in a text, and in which forms: a log rarely quotes a whole file. Pure. */

/** Shorter values (`true`, `8080`, `eth0`) stand everywhere and are no secret. */
export const SECRET_LENGTH_MIN = 6;
/** From here on whatever it is made of; below, only what mixes letters and digits, as `default` and `master` stand everywhere too. */
const WORD_LENGTH_MIN = 8;

/** Each once, spaces around it left out. */
export function* partsOf(secrets: Iterable<string>): Iterable<string> {
  const seen = new Set<string>();
  for (const secret of secrets)
    for (const part of piecesOf(secret))
      for (const form of formsOf(part.trim())) {
        if (!isTelling(form) || seen.has(form)) continue;
        seen.add(form);
        yield form;
      }
}

/** Of a file, in words as people name files: whoever helps needs it, and what is secret is what stands in the file. */
export const PATH = /\/(?:[a-z0-9._-]{1,32}\/)+[a-z0-9._-]{1,32}/;
const IS_PATH = new RegExp(`^${PATH.source}/?$`);

function isTelling(text: string): boolean {
  if (IS_PATH.test(text)) return false;
  return text.length >= WORD_LENGTH_MIN || (text.length >= SECRET_LENGTH_MIN && /[a-z]/i.test(text) && /[^a-z]/i.test(text));
}

/** The whole, its lines, what stands behind the = or : of a line, the values of JSON, the login in a URL. */
function* piecesOf(secret: string): Iterable<string> {
  yield secret;
  const lines = secret.split('\n');
  for (const line of lines) {
    yield line;
    const value = /^\s*["']?[\w .-]{1,100}["']?\s*[:=]\s*["']?(.*?)["']?,?\s*$/.exec(line)?.[1];
    if (value !== undefined) yield value;
    for (const login of line.matchAll(/:\/\/([^\s/:@]*):([^\s@]*)@/g)) yield* login.slice(1);
  }
  yield* leavesOf(parsedJson(secret));
}

function* leavesOf(value: unknown): Iterable<string> {
  if (typeof value === 'string') {
    yield value;
    // `auth` of a registry: user:password.
    const decoded = /^[\w+/]{8,}={0,2}$/.test(value) ? Buffer.from(value, 'base64').toString('latin1') : '';
    if (/^[\x20-\x7e]+:[\x20-\x7e]+$/.test(decoded)) yield* [decoded, decoded.slice(decoded.indexOf(':') + 1)];
  } else for (const inner of Object.values(fieldsOf(value))) yield* leavesOf(inner);
}

/** As it is, as it stands within JSON, and within a URL. */
function formsOf(part: string): readonly string[] {
  return [part, JSON.stringify(part).slice(1, -1), encodeURIComponent(part.toWellFormed())];
}
