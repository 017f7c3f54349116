import { parseTime, rfc3339 } from '#lib/time.ts';
import { isJsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';
import { canonicalQuantity } from '../quantity.ts';
import { base64ByteLength } from '../text.ts';
import type { Definition, FieldType, Schema } from './schema.ts';

/**
 * Checks a JSON value against a definition and gives it as Go's decoder and encoder would together: unknown fields are pruned and
 * reported; nulls and zeros that mean nothing are left out; quantities and times come in their canonical form. The first value of a wrong
 * type ends it. Never turns a value of one type into one of another.
 */
export type Conformed = {
  readonly value: Json;
  /** Paths of pruned fields, the first UNKNOWN_MAX: `spec.template.spec.containers[0].foo`. */
  readonly unknown: readonly string[];
  readonly error?: string;
  /** Where the error is, for the callers that tell of the text around it. */
  readonly at?: Misfit;
};

export type Misfit = {
  readonly path: readonly (string | number)[];
  readonly definition: string;
  readonly field: string;
  readonly wanted: string;
  readonly found: Json;
};

/** Deeper nesting is refused: no kind has it, and a recursion must end. */
const DEPTH_MAX = 128;
/** As upstream's decoder: more are not told of. */
const UNKNOWN_MAX = 100;

export function conform(value: Json, definition: string, schema: Schema): Conformed {
  const walk = new Walk(schema);
  const conformed = walk.object(value, definition, [], { definition, field: '' });
  const { misfit } = walk;
  if (misfit === undefined) return { value: conformed, unknown: walk.unknown };
  return { value: conformed, unknown: walk.unknown, error: describe(misfit), at: misfit };
}

type Path = readonly (string | number)[];
type Owner = { readonly definition: string; readonly field: string };

class Walk {
  readonly unknown: string[] = [];
  misfit: Misfit | undefined;
  readonly #schema: Schema;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  object(value: Json, name: string, path: Path, owner: Owner): Json {
    const definition = this.#schema.definition(name);
    if (definition === undefined) return value;
    if (definition.scalar !== undefined) return this.#scalar(value, definition.scalar, path, owner);
    if (!isJsonObject(value) || path.length > DEPTH_MAX) return this.#fail(value, 'an object', path, owner);
    const result: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      const field = Object.hasOwn(definition.fields, key) ? definition.fields[key] : undefined;
      if (field === undefined) {
        if (this.unknown.length < UNKNOWN_MAX) this.unknown.push(pathText([...path, key]));
      } else if (item !== null) {
        const kept = this.#value(item, field.type, [...path, key], { definition: name, field: key });
        if (field.omitsZero !== true || !isZero(kept)) result[key] = kept;
      }
    }
    return result;
  }

  #value(value: Json, type: FieldType, path: Path, owner: Owner): Json {
    switch (type.type) {
      case 'ref':
        return this.object(value, type.definition, path, owner);
      case 'list':
        if (!Array.isArray(value)) return this.#fail(value, 'a list', path, owner);
        return value.map((item: Json, index) => this.#item(item, type.items, [...path, index], owner));
      case 'map':
        if (!isJsonObject(value)) return this.#fail(value, 'a map', path, owner);
        return Object.fromEntries(
          Object.entries(value).map(([key, item]) => [key, this.#item(item, type.values, [...path, key], owner)]),
        );
      case 'string':
        return typeof value === 'string' ? value : this.#fail(value, 'string', path, owner);
      case 'bytes':
        if (typeof value !== 'string' || base64ByteLength(value) === undefined) return this.#fail(value, 'base64', path, owner);
        return value.replaceAll(/[\r\n]/g, '');
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#fail(value, 'bool', path, owner);
      case 'integer':
        return isInteger(value, type.bits) ? value : this.#fail(value, `int${type.bits}`, path, owner);
      case 'number':
        return typeof value === 'number' ? value : this.#fail(value, 'float64', path, owner);
    }
  }

  /** Of a list or map, where null is the zero of its type. */
  #item(item: Json, type: FieldType, path: Path, owner: Owner): Json {
    return item === null ? this.#zeroOf(type) : this.#value(item, type, path, owner);
  }

  #zeroOf(type: FieldType): Json {
    switch (type.type) {
      case 'ref':
        return SCALAR_ZEROS[this.#schema.definition(type.definition)?.scalar ?? 'object'];
      case 'list':
        return [];
      case 'map':
        return {};
      case 'string':
      case 'bytes':
        return '';
      case 'boolean':
        return false;
      case 'integer':
      case 'number':
        return 0;
    }
  }

  #scalar(value: Json, kind: Scalar, path: Path, owner: Owner): Json {
    switch (kind) {
      case 'any':
        return value;
      case 'int-or-string':
        return typeof value === 'string' || isInteger(value, 32) ? value : this.#fail(value, 'int32 or string', path, owner);
      case 'quantity':
        return this.#quantity(value, path, owner);
      case 'time':
        return time(value) ?? this.#fail(value, 'a time of RFC 3339', path, owner);
      case 'micro-time':
        return microTime(value) ?? this.#fail(value, 'a time of RFC 3339 with microseconds', path, owner);
    }
  }

  #quantity(value: Json, path: Path, owner: Owner): Json {
    if (typeof value !== 'string' && typeof value !== 'number') return this.#fail(value, 'quantity', path, owner);
    try {
      return canonicalQuantity(String(value));
    } catch {
      // What is no amount is told of with its place, below.
      return this.#fail(value, 'quantity', path, owner);
    }
  }

  #fail(found: Json, wanted: string, path: Path, owner: Owner): Json {
    this.misfit ??= { ...owner, path, wanted, found };
    return found;
  }
}

type Scalar = NonNullable<Definition['scalar']>;

const SCALAR_ZEROS: Readonly<Record<Scalar | 'object', Json>> = {
  any: null,
  'int-or-string': 0,
  quantity: '0',
  time: null,
  'micro-time': null,
  object: {},
};

function describe({ path, wanted, found }: Misfit): string {
  return `${pathText(path)}: expected ${wanted}, found ${JSON.stringify(found)?.slice(0, 80)}`;
}

export function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** JSON's numbers are doubles: what is beyond them is rounded, what is beyond 64 bits refused. */
function isInteger(value: Json, bits: 32 | 64): boolean {
  const limit = 2 ** (bits - 1);
  return typeof value === 'number' && Number.isInteger(value) && value >= -limit && value < limit;
}

function isZero(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return value === '' || value === false || value === 0;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function time(value: Json): string | undefined {
  const ms = typeof value === 'string' ? parseTime(value) : undefined;
  return ms === undefined ? undefined : rfc3339(ms);
}

function microTime(value: Json): string | undefined {
  const digits = typeof value === 'string' ? /\.(\d{6})(?:Z|[+-][\d:]+)$/.exec(value)?.[1] : undefined;
  const whole = digits === undefined ? undefined : time(value);
  return whole === undefined ? undefined : `${whole.slice(0, -1)}.${digits}Z`;
}
