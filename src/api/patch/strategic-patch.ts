import { isJsonObject, ownOf, setOwn, type JsonObject } from '../json-object.ts';
import type { Json } from '../object.ts';
import type { Field, FieldType, Schema } from '../schema/schema.ts';
import { badRequestError } from '../status.ts';
import { goText } from './go-text.ts';
import { arranged, keyBy, placesIn, type KeyOf } from './keyed-list.ts';
import { rejected } from './rejected.ts';
import { DELETE, ORDER, PATCH, RETAIN, undirected, undirectedList } from './undirected.ts';

/**
 * Strategic merge patch (apimachinery/pkg/util/strategicpatch): lists with a merge key merge by it, others are replaced; directives
 * ($patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList) say what plain merging can not, and never become part of an object.
 * What upstream answers with a 500 (an element without its key) is a 400 here.
 */
type FieldOf = (type: FieldType | undefined, key: string) => Field | undefined;

/** Throws 400 for a directive that makes no sense, 422 for lists of lists. `definition`: of the document. */
export function applyStrategicPatch(document: Json, patch: Json, definition: string, schema: Schema): Json {
  if (!isJsonObject(patch)) throw badRequestError('a strategic merge patch is an object');
  const fieldOf: FieldOf = (type, key) => {
    const fields = type?.type === 'ref' ? schema.definition(type.definition)?.fields : undefined;
    return fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
  };
  return merge(isJsonObject(document) ? document : {}, patch, { type: 'ref', definition }, fieldOf);
}

function merge(document: JsonObject, patch: JsonObject, type: FieldType | undefined, fieldOf: FieldOf): JsonObject {
  const directive = ownOf(patch, PATCH);
  if (directive !== undefined) return directed(directive, patch);
  const result = retained(document, patch);
  const ordered = mergeOrdered(result, patch, type, fieldOf);
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN || key.startsWith(ORDER) || ordered.has(key)) continue;
    if (key.startsWith(DELETE)) deleteValues(result, targetOf(key, DELETE), value);
    else if (value === null) delete result[key];
    else mergeField(result, key, value, fieldOf(type, key), fieldOf);
  }
  return result;
}

function mergeField(result: Record<string, Json>, key: string, value: Json, field: Field | undefined, fieldOf: FieldOf): void {
  const before = ownOf(result, key);
  const merged =
    isJsonObject(before) && isJsonObject(value)
      ? merge(before, value, field?.type, fieldOf)
      : Array.isArray(before) && Array.isArray(value)
        ? mergeList(before, value, field, fieldOf)
        : undirected(value);
  if (merged === undefined) delete result[key];
  else setOwn(result, key, merged);
}

/** `$patch: delete` empties a map; where the map itself is in the way, null takes it away. */
function directed(directive: Json, patch: JsonObject): JsonObject {
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownDirective(directive, patch);
  const { [PATCH]: _, ...replacement } = patch;
  const result = undirected(replacement);
  return isJsonObject(result) ? result : {};
}

function unknownDirective(directive: Json, patch: JsonObject): unknown {
  return badRequestError(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
}

/** The document's fields that the patch lets stand. A patch that sets what it does not retain makes no sense. */
function retained(document: JsonObject, patch: JsonObject): Record<string, Json> {
  const list = ownOf(patch, RETAIN);
  if (list === undefined) return { ...document };
  const kept = new Set<Json>(Array.isArray(list) ? list : []);
  const isStray = ([key, value]: readonly [string, Json]) =>
    value !== null && key !== RETAIN && !key.startsWith(DELETE) && !key.startsWith(ORDER) && !kept.has(key);
  if (!Array.isArray(list) || Object.entries(patch).some(isStray)) throw badRequestError('invalid patch format of retainKeys');
  return Object.fromEntries(Object.entries(document).filter(([key]) => kept.has(key)));
}

/** Lists whose order the patch sets. Gives their names: they are done with. */
function mergeOrdered(
  result: Record<string, Json>,
  patch: JsonObject,
  type: FieldType | undefined,
  fieldOf: FieldOf,
): ReadonlySet<string> {
  const done = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER)) continue;
    const target = targetOf(key, ORDER);
    const [before, change] = [ownOf(result, target), ownOf(patch, target)];
    if (!Array.isArray(order) || !isListOrNothing(before) || !isListOrNothing(change)) throw badOrder();
    const field = fieldOf(type, target);
    if (field?.type.type !== 'list') throw badRequestError(`${key}: there is no list ${JSON.stringify(target)} to put in order`);
    const keyOf = keyBy(field.patchMergeKey);
    checkOrder(change ?? [], order, keyOf);
    const merged =
      before === undefined || change === undefined
        ? (before ?? undirectedList(change ?? []))
        : mergeList(before, change, field, fieldOf);
    if (before !== undefined || change !== undefined) setOwn(result, target, arranged(merged, order, before ?? [], keyOf));
    done.add(target);
  }
  return done;
}

/** Every element that the patch changes stands in its order, and in that order. */
function checkOrder(patch: readonly Json[], order: readonly Json[], keyOf: KeyOf): void {
  const changed = patch.filter((item) => !(isJsonObject(item) && Object.hasOwn(item, PATCH)));
  let next = 0;
  for (const wanted of order) {
    const change = changed[next];
    if (change !== undefined && keyOf(change) === keyOf(wanted)) next += 1;
  }
  if (order.length === 0 || next >= changed.length) return;
  throw badRequestError(`The order in patch list:\n${goText(patch)}\n doesn't match ${ORDER} list:\n${goText(order)}\n`);
}

function deleteValues(result: Record<string, Json>, target: string, gone: Json): void {
  const before = ownOf(result, target);
  if (!Array.isArray(gone)) throw badRequestError('invalid patch format of primitive list');
  if (!Array.isArray(before)) return;
  const values = new Set<Json>(gone);
  setOwn(
    result,
    target,
    before.filter((item: Json) => !values.has(item)),
  );
}

function mergeList(before: readonly Json[], patch: readonly Json[], field: Field | undefined, fieldOf: FieldOf): readonly Json[] {
  if (field?.patchStrategy?.includes('merge') !== true) return undirectedList(patch);
  checkElements(before, patch);
  const { patchMergeKey, type } = field;
  const keyOf = keyBy(patchMergeKey);
  if (patchMergeKey === undefined) return arranged([...new Set([...before, ...patch])], patch, before, keyOf);
  const { kept, changes } = applyListDirectives(before, patch, keyOf);
  const merged = [...kept];
  const places = placesIn(kept, keyOf);
  for (const change of changes) {
    const place = places.get(keyOf(change)) ?? merged.length;
    const found = merged[place];
    places.set(keyOf(change), place);
    const element = type.type === 'list' ? type.items : undefined;
    // Sound: what has a key is an object.
    merged[place] = found === undefined ? change : merge(found as JsonObject, change as JsonObject, element, fieldOf);
  }
  return arranged(merged, changes, kept, keyOf);
}

/** Elements with `$patch`: what one deletes is gone from `kept`, one that says replace makes the rest stand for the list; none is a change. */
function applyListDirectives(
  before: readonly Json[],
  patch: readonly Json[],
  keyOf: KeyOf,
): { readonly kept: readonly Json[]; readonly changes: readonly Json[] } {
  const gone = new Set<Json>();
  const changes: Json[] = [];
  let isReplaced = false;
  for (const item of patch) {
    const directive = isJsonObject(item) ? ownOf(item, PATCH) : undefined;
    if (directive === undefined || !isJsonObject(item)) changes.push(item);
    else if (directive === 'replace') isReplaced = true;
    else if (directive === 'delete') gone.add(keyOf(item));
    else if (directive === 'merge') throw badRequestError('merging lists cannot yet be specified in the patch');
    else throw unknownDirective(directive, item);
  }
  if (isReplaced) return { kept: undirectedList(changes), changes: [] };
  return { kept: gone.size === 0 ? before : before.filter((item) => !gone.has(keyOf(item))), changes };
}

function checkElements(before: readonly Json[], patch: readonly Json[]): void {
  const elements = [...before, ...patch];
  if (elements.some((item) => Array.isArray(item))) throw rejected('lists of lists are not supported');
  const [first] = elements;
  if (elements.some((item) => typeof item !== typeof first || item === null))
    throw badRequestError(`list element types are not identical: ${goText([before, patch])}`);
}

/** `containers` of `$setElementOrder/containers`. */
function targetOf(key: string, prefix: typeof ORDER | typeof DELETE): string {
  if (key.startsWith(`${prefix}/`)) return key.slice(prefix.length + 1);
  throw prefix === ORDER ? badOrder() : badRequestError('invalid patch format of primitive list');
}

function badOrder(): unknown {
  return badRequestError('invalid patch format of setElementOrder list');
}

function isListOrNothing(value: Json | undefined): value is readonly Json[] | undefined {
  return value === undefined || Array.isArray(value);
}
