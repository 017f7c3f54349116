import { exactlyEqual } from '../equal.ts';
import { isJsonObject, ownOf, setOwn, type JsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';
import { apiError, badRequestError } from '../status.ts';
import { byteLength } from '../text.ts';
import { rejected } from './rejected.ts';

/**
 * RFC 6902, with what upstream (evanphx/json-patch v4) makes of it beyond: a missing `value` is null, `replace` sets a member that is
 * not there, an index may count from the end (-1 is the last). What is no list of operations is a 400, too many are a 413, and an
 * operation that does not fit the document refuses the whole patch with 422.
 */
const OPERATIONS_MAX = 10_000;
/** Of JSON that all copies of a patch may add: each could double the document. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024;
/** Objects and lists within each other that may come out, as the decoder lets no deeper ones in (encoding/json.ts). */
const DEPTH_MAX = 1_000;

export function applyJsonPatch(document: Json, patch: Json): Json {
  const operations = operationsOf(patch);
  const patching = new Patching(clone(document));
  for (const operation of operations) patching.apply(operation);
  return patching.result();
}

/** Paths of what an operation has beyond its four members: to be told of, not to be heeded. */
export function strayMembers(patch: Json): readonly string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: Json, index) =>
    isJsonObject(operation)
      ? Object.keys(operation)
          .filter((key) => !MEMBERS.has(key))
          .map((key) => `[${index}].${key}`)
      : [],
  );
}

const MEMBERS = new Set(['op', 'path', 'from', 'value']);

type Operation = {
  readonly op: string | undefined;
  readonly path: string | undefined;
  readonly from: string | undefined;
  readonly value: Json;
};

function operationsOf(patch: Json): readonly Operation[] {
  if (!Array.isArray(patch)) throw badRequestError('error decoding patch: a JSON patch is a list of operations');
  if (patch.length > OPERATIONS_MAX)
    throw apiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    );
  return patch.map((operation: Json, index) => {
    if (!isJsonObject(operation)) throw badRequestError(`error decoding patch: operation ${index} is no object`);
    const text = (name: string): string | undefined => {
      const value = ownOf(operation, name);
      if (value === undefined || typeof value === 'string') return value;
      throw badRequestError(`error decoding patch: "${name}" of operation ${index} is no string`);
    };
    return { op: text('op'), path: text('path'), from: text('from'), value: ownOf(operation, 'value') ?? null };
  });
}

/** The key under which the whole document stands in its holder, so that it has a parent like every other value. */
const WHOLE = '';

/** A copy of the document that operations change in place: to build anew for each would cost a large document times all operations. */
class Patching {
  readonly #holder: Record<string, Json>;
  #copiedBytes = 0;

  constructor(document: Json) {
    this.#holder = { [WHOLE]: document };
  }

  result(): Json {
    return clone(this.#holder[WHOLE] ?? null);
  }

  apply({ op, path, from, value }: Operation): void {
    const at = pointer(path, 'path');
    switch (op) {
      case 'add':
        return this.#add(at, clone(value));
      case 'remove':
        this.#remove(at);
        return undefined;
      case 'replace':
        return this.#replace(at, clone(value));
      case 'move':
        return this.#move(pointer(from, 'from'), at);
      case 'copy':
        return this.#add(at, this.#copy(pointer(from, 'from')));
      case 'test':
        return this.#test(at, value);
      default:
        throw rejected(`unknown operation ${JSON.stringify(op ?? '')}`);
    }
  }

  #add(path: Path, value: Json): void {
    const { parent, key } = this.#placeOf(part(path));
    if (Array.isArray(parent)) parent.splice(indexOf(parent, key, path, true), 0, value);
    else setOwn(parent, key, value);
  }

  #replace(path: Path, value: Json): void {
    if (path.length === 1 && !isContainer(value)) throw rejected('a whole document is an object or a list');
    const { parent, key } = this.#placeOf(path);
    if (Array.isArray(parent)) parent[indexOf(parent, key, path, false)] = value;
    else setOwn(parent, key, value);
  }

  #remove(path: Path): Json {
    const { parent, key } = this.#placeOf(part(path));
    if (Array.isArray(parent)) return parent.splice(indexOf(parent, key, path, false), 1)[0] ?? null;
    const value = ownOf(parent, key);
    if (value === undefined) throw missing(path);
    delete parent[key];
    return value;
  }

  #move(from: Path, to: Path): void {
    if (to.length > from.length && from.every((name, index) => name === to[index]))
      throw rejected(`${textOf(from)} can not be moved into itself`);
    this.#add(to, this.#remove(from));
  }

  #copy(from: Path): Json {
    const copied = clone(this.#get(part(from)) ?? null);
    this.#copiedBytes += byteLength(JSON.stringify(copied));
    if (this.#copiedBytes > COPIED_BYTES_MAX) throw rejected(`its copies add more than ${COPIED_BYTES_MAX} bytes`);
    return copied;
  }

  #test(path: Path, value: Json): void {
    if (!exactlyEqual(this.#get(path) ?? null, value)) throw rejected(`the test of ${textOf(path)} failed`);
  }

  /** Undefined for a member that is not there; throws where nothing could be. */
  #get(path: Path): Json | undefined {
    const { parent, key } = this.#placeOf(path);
    return Array.isArray(parent) ? parent[indexOf(parent, key, path, false)] : ownOf(parent, key);
  }

  #placeOf(path: Path): { readonly parent: Container; readonly key: string } {
    let parent: Container = this.#holder;
    for (const name of path.slice(0, -1)) {
      const below: Json | undefined = Array.isArray(parent) ? parent[indexOf(parent, name, path, false)] : ownOf(parent, name);
      if (!isContainer(below)) throw missing(path);
      parent = below;
    }
    return { parent, key: path.at(-1) ?? WHOLE };
  }
}

type Container = Record<string, Json> | Json[];

/** Only for what stands in the holder: it was cloned, so that it is there to be changed. */
function isContainer(value: Json | undefined): value is Container {
  return typeof value === 'object' && value !== null;
}

/** From the holder down: the first part is WHOLE. */
type Path = readonly string[];

function pointer(text: string | undefined, name: string): Path {
  if (text === undefined) throw rejected(`an operation has no "${name}"`);
  if (text !== '' && !text.startsWith('/')) throw rejected(`${JSON.stringify(text)} is no JSON pointer: it begins with no /`);
  return text.split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Upstream replaces and tests the whole document, and does nothing else with it. */
function part(path: Path): Path {
  if (path.length === 1) throw rejected('only "replace" and "test" may name the whole document');
  return path;
}

function indexOf(list: readonly Json[], name: string, path: Path, mayAppend: boolean): number {
  if (name === '-' && mayAppend) return list.length;
  const given = /^(?:0|-?[1-9]\d{0,8})$/.test(name) ? Number(name) : Number.NaN;
  const length = list.length + (mayAppend ? 1 : 0);
  const at = given < 0 ? given + length : given;
  if (at >= 0 && at < length) return at;
  throw rejected(`${textOf(path)}: ${JSON.stringify(name)} is no place in a list of ${list.length}`);
}

function missing(path: Path): unknown {
  return rejected(`there is no ${textOf(path)}`);
}

function textOf(path: Path): string {
  return JSON.stringify(path.map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1')).join('/'));
}

/** Throws 422 for what is too deep: moves and copies can stack what came in flat. */
function clone(value: Json, depth = 0): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw rejected(`it nests more than ${DEPTH_MAX} objects and lists`);
  if (Array.isArray(value)) return value.map((item: Json) => clone(item, depth + 1));
  const result: Record<string, Json> = {};
  // Sound: an object that is no list.
  for (const [key, item] of Object.entries(value as JsonObject)) setOwn(result, key, clone(item, depth + 1));
  return result;
}
