import { badRequestError } from '#api/status.ts';

/** The opaque `continue` of a list: the revision of its first page and the last key that was given. */
export type Place = { readonly revision: number; readonly namespace: string; readonly name: string };

export function encodePlace({ revision, namespace, name }: Place): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `${namespace}/${name}` })).toString('base64url');
}

/** Throws 400. A revision of -1 (an inconsistent continuation) reads the present state. */
export function decodePlace(token: string): Place {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  const value = parse(text);
  const { v, rv, start } =
    typeof value === 'object' && value !== null ? (value as { v?: unknown; rv?: unknown; start?: unknown }) : {};
  if (
    v !== 'meta.k8s.io/v1' ||
    typeof rv !== 'number' ||
    !Number.isInteger(rv) ||
    typeof start !== 'string' ||
    !start.includes('/')
  ) {
    throw badRequestError('invalid continue token: continue key is not valid: server does not recognize this encoded version');
  }
  const slash = start.indexOf('/');
  return { revision: rv, namespace: start.slice(0, slash), name: start.slice(slash + 1) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Told in the words of Go's decoder, which clients compare.
    throw badRequestError(
      `invalid continue token: continue key is not valid: invalid character '${text.slice(0, 1)}' looking for beginning of value`,
    );
  }
}
