import { badRequestError } from '#api/status.ts';

/** The opaque `continue` of a list: the revision of its first page and the last key that was given. */
export type Place = { readonly revision: number; readonly namespace: string; readonly name: string };

export function encodePlace({ revision, namespace, name }: Place): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start: `${namespace}/${name}` })).toString('base64url');
}

/** Throws 400 in the words of upstream's decoder (apiserver/pkg/storage/continue.go), which clients compare. A revision below 0 means the present. */
export function decodePlace(token: string): Place {
  const illegal = token.search(/[^A-Za-z0-9_-]/);
  if (illegal >= 0) throw badToken(`illegal base64 data at input byte ${illegal}`);
  const value = parse(Buffer.from(token, 'base64url').toString('utf8'));
  const { v, rv, start } =
    typeof value === 'object' && value !== null ? (value as { v?: unknown; rv?: unknown; start?: unknown }) : {};
  if (v !== VERSION) throw badToken('server does not recognize this encoded version');
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0)
    throw badToken(`incorrect encoded start resourceVersion (version ${VERSION})`);
  if (typeof start !== 'string' || start === '') throw badToken(`encoded start key empty (version ${VERSION})`);
  const [namespace, name, ...more] = start.split('/');
  if (namespace === undefined || name === undefined || more.length > 0) throw badToken(start);
  return { revision: rv, namespace, name };
}

const VERSION = 'meta.k8s.io/v1';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badToken(
      text === ''
        ? 'unexpected end of JSON input'
        : `invalid character '${String.fromCodePoint(text.codePointAt(0) ?? 0)}' looking for beginning of value`,
    );
  }
}

function badToken(why: string): unknown {
  return badRequestError(`invalid continue token: continue key is not valid: ${why}`);
}
