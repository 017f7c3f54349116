import type { KubeObject } from '../object.ts';
import { quoted } from '../quoted.ts';
import type { Resource } from '../resource.ts';
import { badRequestError } from '../status.ts';
import { SELECTOR_LENGTH_MAX, type Matcher } from './label-selector.ts';

/**
 * Field selectors: `status.phase=Running,metadata.name!=x`, of the fields that the resource's row allows. Throws 400 in the words of
 * apimachinery/pkg/fields, which reads the terms in the order of the alphabet, all of them before it asks after a field,
 * and takes a bare `=` for nothing.
 */
export function parseFieldSelector(text: string, resource: Resource): Matcher {
  const matchers = termsOf(text).map((term) => matcherOf(term, resource));
  return (object) => matchers.every((matches) => matches(object));
}

/** The name that all it selects has; undefined where it names none. Throws as above. */
export function selectedName(text: string): string | undefined {
  return termsOf(text).find(({ field, isEqual }) => field === NAME && isEqual)?.value;
}

const NAME = 'metadata.name';

function termsOf(text: string): readonly Term[] {
  if (text.length > SELECTOR_LENGTH_MAX)
    throw badRequestError(`the field selector is longer than ${SELECTOR_LENGTH_MAX} characters`);
  const parts = (text.match(/(?:\\.?|[^,\\])+/gs) ?? []).toSorted();
  return parts.map((part) => parseTerm(part, text)).filter(({ field, value }) => field !== '' || value !== '');
}

type Term = { readonly field: string; readonly isEqual: boolean; readonly value: string };

function parseTerm(part: string, text: string): Term {
  const { field, operator, raw } = /^(?<field>.*?)(?<operator>!=|==|=)(?<raw>.*)$/s.exec(part)?.groups ?? {};
  if (field === undefined || raw === undefined) throw badRequestError(`invalid selector: '${text}'; can't understand '${part}'`);
  return { field, isEqual: operator !== '!=', value: unescaped(raw) };
}

/** Commas, equals signs and backslashes stand behind a backslash, and nothing else does. */
function unescaped(raw: string): string {
  return raw.replaceAll(/\\(.?)|=/gsu, (found, escaped: string | undefined) => {
    if (escaped === undefined)
      throw badRequestError(`invalid field selector: unescaped character in value: ${found.codePointAt(0)}`);
    if (escaped !== '' && '\\,='.includes(escaped)) return escaped;
    throw badRequestError(`invalid field selector: invalid escape sequence: ${found}`);
  });
}

function matcherOf({ field, isEqual, value }: Term, resource: Resource): Matcher {
  const read = reader(field, resource);
  return (object) => (read(object) === value) === isEqual;
}

/** Upstream words an unknown field in two ways: one for kinds that have fields of their own, one for all others. */
function reader(field: string, resource: Resource): (object: KubeObject) => string {
  if (field === NAME) return ({ metadata }) => metadata.name ?? '';
  const hasOwn = Object.keys(resource.fields).length > 0;
  if (field === 'metadata.namespace' && (resource.namespaced || !hasOwn)) return ({ metadata }) => metadata.namespace ?? '';
  const own = Object.hasOwn(resource.fields, field) ? resource.fields[field] : undefined;
  if (own !== undefined) return own;
  throw badRequestError(
    hasOwn
      ? `field label not supported: ${field}`
      : `${quoted(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}
