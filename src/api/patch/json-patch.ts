import { semanticEqual } from '../equal.ts';
import type { Json } from '../object.ts';
import { apiError } from '../status.ts';
import { SkerryError } from '#lib/error.ts';
import { isRecord } from './merge-patch.ts';

/** RFC 6902. An operation that does not fit the document refuses the whole patch with 422, as upstream tells it. */
const OPERATIONS_MAX = 10_000;
/** Of JSON that all copies of a patch may add: each could double the document (upstream's JSONPatchMaxCopyBytes). */
const COPIED_CHARACTERS_MAX = 3 * 1024 * 1024;

export function applyJsonPatch(document: Json, patch: readonly Json[]): Json {
  if (patch.length > OPERATIONS_MAX) throw refused(`more than ${OPERATIONS_MAX} operations`);
  let copied = 0;
  const copy = (value: Json): Json => {
    copied += JSON.stringify(value).length;
    if (copied > COPIED_CHARACTERS_MAX) throw refused(`its copies add more than ${COPIED_CHARACTERS_MAX} characters`);
    return value;
  };
  return patch.reduce((patched, operation) => applyOperation(patched, operation, copy), document);
}

function applyOperation(document: Json, operation: Json, copy: (value: Json) => Json): Json {
  if (!isRecord(operation)) throw refused('an operation is no object');
  const { op, path, from, value } = operation;
  const at = pointer(path);
  switch (op) {
    case 'add':
      return add(document, at, needed(value));
    case 'remove':
      return remove(document, at);
    case 'replace':
      return add(remove(document, at, at.length === 0), at, needed(value));
    case 'move': {
      const source = pointer(from);
      if (at.length > source.length && source.every((part, index) => part === at[index]))
        throw refused(`${JSON.stringify(from)} can not be moved into itself`);
      return add(remove(document, source), at, get(document, source));
    }
    case 'copy':
      return add(document, at, copy(get(document, pointer(from))));
    case 'test':
      if (!semanticEqual(get(document, at), needed(value))) throw refused(`the test of ${JSON.stringify(path)} failed`);
      return document;
    default:
      throw refused(`unknown operation ${JSON.stringify(op)}`);
  }
}

function pointer(text: Json | undefined): readonly string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/')))
    throw refused(`${JSON.stringify(text)} is no JSON pointer`);
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function needed(value: Json | undefined): Json {
  if (value === undefined) throw refused('an operation has no value');
  return value;
}

function get(document: Json, path: readonly string[]): Json {
  return path.reduce<Json>((node, part) => {
    const found = Array.isArray(node)
      ? node[index(node, part, false)]
      : isRecord(node) && Object.hasOwn(node, part)
        ? node[part]
        : undefined;
    if (found === undefined) throw refused(`there is no /${path.join('/')}`);
    return found;
  }, document);
}

function add(document: Json, path: readonly string[], value: Json): Json {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  if (Array.isArray(document)) {
    const at = index(document, part, rest.length === 0);
    return rest.length === 0 ? document.toSpliced(at, 0, value) : document.with(at, add(document[at] ?? null, rest, value));
  }
  if (!isRecord(document) || (rest.length > 0 && !Object.hasOwn(document, part)))
    throw refused(`there is no place for /${path.join('/')}`);
  return { ...document, [part]: rest.length === 0 ? value : add(document[part] ?? null, rest, value) };
}

function remove(document: Json, path: readonly string[], whole = false): Json {
  const [part, ...rest] = path;
  if (part === undefined) {
    if (whole) return null;
    throw refused('the whole document can not be removed');
  }
  if (Array.isArray(document)) {
    const at = index(document, part, false);
    return rest.length === 0 ? document.toSpliced(at, 1) : document.with(at, remove(document[at] ?? null, rest));
  }
  if (!isRecord(document) || !Object.hasOwn(document, part)) throw refused(`there is no /${path.join('/')}`);
  const { [part]: child = null, ...others } = document;
  return rest.length === 0 ? others : { ...document, [part]: remove(child, rest) };
}

function index(list: readonly Json[], part: string, mayAppend: boolean): number {
  if (part === '-' && mayAppend) return list.length;
  const at = /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : -1;
  if (at < 0 || at > list.length - (mayAppend ? 0 : 1)) throw refused(`${part} is no index of a list of ${list.length}`);
  return at;
}

function refused(why: string): unknown {
  return apiError(
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
    new SkerryError('BadRequest', why),
  );
}
