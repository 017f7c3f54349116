import type { Resource } from '../resource.ts';
import { badRequestError } from '../status.ts';
import type { KubeObject } from '../object.ts';
import type { Matcher } from './label-selector.ts';

/** Field selectors: `status.phase=Running,metadata.name!=x`, of the fields that the resource's row allows. Throws 400 in the words of apimachinery/pkg/fields. */
export function parseFieldSelector(text: string, resource: Resource): Matcher {
  const terms = (text.match(/(?:\\.?|[^,\\])+/gs) ?? []).map((term) => parseTerm(term, text, resource));
  return (object) => terms.every((holds) => holds(object));
}

function parseTerm(term: string, text: string, resource: Resource): Matcher {
  const { field, operator, raw } = /^(?<field>.*?)(?<operator>!=|==|=)(?<raw>.*)$/s.exec(term)?.groups ?? {};
  if (field === undefined || raw === undefined) throw badRequestError(`invalid selector: '${text}'; can't understand '${term}'`);
  const value = unescaped(raw);
  const read = reader(field, resource);
  return operator === '!=' ? (object) => read(object) !== value : (object) => read(object) === value;
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

function reader(field: string, resource: Resource): (object: KubeObject) => string {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name ?? '';
  if (field === 'metadata.namespace' && resource.namespaced) return ({ metadata }) => metadata.namespace ?? '';
  const own = Object.hasOwn(resource.fields, field) ? resource.fields[field] : undefined;
  if (own !== undefined) return own;
  const known = ['metadata.name', ...(resource.namespaced ? ['metadata.namespace'] : []), ...Object.keys(resource.fields)];
  throw badRequestError(
    `${JSON.stringify(field)} is not a known field selector: only ${known.map((name) => JSON.stringify(name)).join(', ')}`,
  );
}
