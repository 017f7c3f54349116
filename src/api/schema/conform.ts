import { canonicalQuantity } from '../quantity.ts';
import type { Json } from '../object.ts';
import type { FieldType, Schema } from './schema.ts';

/**
 * Checks a JSON value against a definition as Go's decoder would: unknown fields are pruned and reported, nulls dropped, quantities
 * brought into their canonical form; the first value of a wrong type ends it. Coerces nothing.
 */
export type Conformed = {
  readonly value: Json;
  /** Paths of pruned fields: `spec.template.spec.containers[0].foo`. */
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
    if (!isRecord(value) || path.length > DEPTH_MAX) return this.#fail(value, 'an object', path, owner);
    const result: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      const field = Object.hasOwn(definition.fields, key) ? definition.fields[key] : undefined;
      if (field === undefined) this.unknown.push(pathText([...path, key]));
      else if (item !== null) result[key] = this.#value(item, field.type, [...path, key], { definition: name, field: key });
    }
    return result;
  }

  #value(value: Json, type: FieldType, path: Path, owner: Owner): Json {
    switch (type.type) {
      case 'ref':
        return this.object(value, type.definition, path, owner);
      case 'list':
        if (!Array.isArray(value)) return this.#fail(value, 'a list', path, owner);
        return value.map((item: Json, index) =>
          item === null && type.items.type !== 'ref'
            ? zeroOf(type.items)
            : this.#value(item ?? {}, type.items, [...path, index], owner),
        );
      case 'map':
        if (!isRecord(value)) return this.#fail(value, 'a map', path, owner);
        return Object.fromEntries(
          Object.entries(value).map(([key, item]) => [
            key,
            item === null ? zeroOf(type.values) : this.#value(item, type.values, [...path, key], owner),
          ]),
        );
      case 'string':
      case 'bytes':
        return typeof value === 'string' ? value : this.#fail(value, 'string', path, owner);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#fail(value, 'bool', path, owner);
      case 'integer':
        return isInteger(value, type.format) ? value : this.#fail(value, type.format ?? 'int64', path, owner);
      case 'number':
        return typeof value === 'number' ? value : this.#fail(value, 'float64', path, owner);
    }
  }

  #scalar(value: Json, kind: 'quantity' | 'time' | 'micro-time' | 'int-or-string' | 'any', path: Path, owner: Owner): Json {
    if (kind === 'any') return value;
    if (kind === 'int-or-string')
      return typeof value === 'string' || isInteger(value, 'int32') ? value : this.#fail(value, 'int32 or string', path, owner);
    if (kind === 'quantity') return this.#quantity(value, path, owner);
    return typeof value === 'string' && isTime(value) ? value : this.#fail(value, 'time', path, owner);
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

function describe({ path, wanted, found }: Misfit): string {
  return `${pathText(path)}: expected ${wanted}, found ${JSON.stringify(found)?.slice(0, 80)}`;
}

export function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

function zeroOf(type: FieldType): Json {
  return type.type === 'string' || type.type === 'bytes'
    ? ''
    : type.type === 'boolean'
      ? false
      : type.type === 'list'
        ? []
        : type.type === 'integer' || type.type === 'number'
          ? 0
          : {};
}

const INT32_MAX = 2 ** 31 - 1;

/** No larger than Go's type, nor than what JSON's numbers hold exactly. */
function isInteger(value: Json, format: 'int32' | undefined): boolean {
  if (!Number.isSafeInteger(value)) return false;
  return format === undefined || (Number(value) >= -INT32_MAX - 1 && Number(value) <= INT32_MAX);
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function isTime(text: string): boolean {
  return RFC3339.test(text) && !Number.isNaN(Date.parse(text));
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
