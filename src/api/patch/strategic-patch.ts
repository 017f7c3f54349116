import { semanticEqual } from '../equal.ts';
import type { Json } from '../object.ts';
import type { Field, FieldType, Schema } from '../schema/schema.ts';
import { badRequestError } from '../status.ts';
import { applyMergePatch, isRecord } from './merge-patch.ts';
import { ownOf, setOwn } from './own.ts';

/**
 * Strategic merge patch (apimachinery/pkg/util/strategicpatch): lists with a merge key merge by it, others are replaced; directives
 * ($patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList) say what plain merging can not.
 */
type JsonObject = { readonly [key: string]: Json };
type Rules = Readonly<Record<string, Field>> | undefined;

const ORDER = '$setElementOrder/';
const DELETE = '$deleteFromPrimitiveList/';
const RETAIN = '$retainKeys';
const PATCH = '$patch';

/** Throws 400 for a directive that makes no sense. `definition`: of the document. */
export function applyStrategicPatch(document: Json, patch: Json, definition: string, schema: Schema): Json {
  if (!isRecord(patch)) throw badRequestError('a strategic merge patch is an object');
  return new Merger(schema).merge(isRecord(document) ? document : {}, patch, schema.definition(definition)?.fields) ?? {};
}

class Merger {
  readonly #schema: Schema;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Undefined: the patch deletes the whole object. */
  merge(document: JsonObject, patch: JsonObject, rules: Rules): JsonObject | undefined {
    const directive = patch[PATCH];
    if (directive === 'delete') return undefined;
    if (directive === 'replace') return clean(patch);
    if (directive !== undefined && directive !== 'merge')
      throw badRequestError(`unknown $patch directive ${JSON.stringify(directive)}`);
    const result: Record<string, Json> = retained(document, patch);
    for (const [key, value] of Object.entries(patch)) {
      if (key.startsWith('$')) continue;
      if (value === null) delete result[key];
      else this.#field(result, key, value, patch, ruleOf(rules, key));
    }
    for (const key of Object.keys(patch)) this.#listDirective(result, key, patch, rules);
    return result;
  }

  #field(result: Record<string, Json>, key: string, value: Json, patch: JsonObject, rule: Field | undefined): void {
    const before = ownOf(result, key);
    if (isRecord(value)) {
      const merged =
        rule === undefined
          ? applyMergePatch(before ?? {}, value)
          : this.merge(isRecord(before) ? before : {}, value, this.#rulesOf(rule.type));
      if (merged === undefined) delete result[key];
      else setOwn(result, key, merged);
    } else if (Array.isArray(value))
      setOwn(result, key, this.#list(Array.isArray(before) ? before : [], value, patch[ORDER + key], rule));
    else setOwn(result, key, value);
  }

  /** Directives about a list that the patch itself does not name. */
  #listDirective(result: Record<string, Json>, key: string, patch: JsonObject, rules: Rules): void {
    const value = patch[key];
    const target = key.slice(key.indexOf('/') + 1);
    const list = ownOf(result, target);
    if (!Array.isArray(value) || !Array.isArray(list)) return;
    if (key.startsWith(DELETE)) {
      const left = list.filter((item: Json) => !value.some((gone: Json) => semanticEqual(gone, item)));
      setOwn(result, target, left);
    } else if (key.startsWith(ORDER) && ownOf(patch, target) === undefined) {
      setOwn(result, target, ordered(list, value, ruleOf(rules, target)?.patchMergeKey, list));
    }
  }

  #list(before: readonly Json[], patch: readonly Json[], order: Json | undefined, rule: Field | undefined): Json {
    if (rule?.patchStrategy?.includes('merge') !== true)
      return patch.filter((item) => !(isRecord(item) && PATCH in item && Object.keys(item).length === 1));
    if (patch.some((item) => isRecord(item) && item[PATCH] === 'replace' && Object.keys(item).length === 1)) {
      return patch.filter((item) => !(isRecord(item) && item[PATCH] === 'replace'));
    }
    const mergeKey = rule.patchMergeKey;
    const merged = mergeKey === undefined ? primitives(before, patch) : this.#keyed(before, patch, mergeKey, rule.type);
    return Array.isArray(order) ? ordered(merged, order, mergeKey, before) : merged;
  }

  #keyed(before: readonly Json[], patch: readonly Json[], mergeKey: string, type: FieldType): readonly Json[] {
    const rules = type.type === 'list' ? this.#rulesOf(type.items) : undefined;
    let result = [...before];
    const fresh: Json[] = [];
    for (const item of patch) {
      if (!isRecord(item) || item[mergeKey] === undefined)
        throw badRequestError(`an element of a list that is merged has no ${JSON.stringify(mergeKey)}: ${JSON.stringify(item)}`);
      const at = result.findIndex((candidate) => isRecord(candidate) && semanticEqual(candidate[mergeKey], item[mergeKey]));
      const found = result[at];
      const merged = this.merge(isRecord(found) ? found : {}, item, rules);
      if (merged === undefined) result = result.filter((_, index) => index !== at);
      else if (at < 0) fresh.push(merged);
      else result[at] = merged;
    }
    return [...fresh, ...result];
  }

  #rulesOf(type: FieldType): Rules {
    if (type.type === 'ref') return this.#schema.definition(type.definition)?.fields;
    return undefined;
  }
}

function ruleOf(rules: Rules, key: string): Field | undefined {
  return rules !== undefined && Object.hasOwn(rules, key) ? rules[key] : undefined;
}

function retained(document: JsonObject, patch: JsonObject): Record<string, Json> {
  const keys = patch[RETAIN];
  if (keys === undefined) return { ...document };
  if (!Array.isArray(keys)) throw badRequestError('$retainKeys is a list of keys');
  return Object.fromEntries(Object.entries(document).filter(([key]) => keys.includes(key)));
}

function primitives(before: readonly Json[], patch: readonly Json[]): readonly Json[] {
  return [...before, ...patch.filter((item) => !before.some((known) => semanticEqual(known, item)))];
}

/**
 * Elements that the order names stand as it says; the others keep their place relative to what they stood after in the list before.
 */
function ordered(
  list: readonly Json[],
  order: readonly Json[],
  mergeKey: string | undefined,
  before: readonly Json[],
): readonly Json[] {
  const keyOf = (item: Json) => (mergeKey !== undefined && isRecord(item) ? item[mergeKey] : item) ?? null;
  const rank = (item: Json) => order.findIndex((wanted) => semanticEqual(keyOf(wanted), keyOf(item)));
  const named = list.filter((item) => rank(item) >= 0).toSorted((a, b) => rank(a) - rank(b));
  const others = list.filter((item) => rank(item) < 0);
  const positionBefore = (item: Json) => before.findIndex((candidate) => semanticEqual(keyOf(candidate), keyOf(item)));
  return others.reduce<readonly Json[]>((result, item) => {
    const own = positionBefore(item);
    const next = result.findIndex((candidate) => positionBefore(candidate) > own);
    return next < 0 ? [...result, item] : result.toSpliced(next, 0, item);
  }, named);
}

function clean(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
