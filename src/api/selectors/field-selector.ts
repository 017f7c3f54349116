import type { Resource } from '../resource.ts';
import { badRequestError } from '../status.ts';
import type { KubeObject } from '../object.ts';
import type { Matcher } from './label-selector.ts';

/** Field selectors: `status.phase=Running,metadata.name!=x`, of the fields that the resource's row allows. Throws 400. */
export function parseFieldSelector(text: string, resource: Resource): Matcher {
  const terms = split(text).map((term) => parseTerm(term, resource));
  return (object) => terms.every((holds) => holds(object));
}

/** Commas, equals signs and backslashes may be escaped with a backslash. */
function split(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).filter((term) => term !== '');
}

function parseTerm(term: string, resource: Resource): Matcher {
  const match = /^((?:\\.|[^=!\\])*)(!=|==|=)(.*)$/s.exec(term);
  if (match === null) throw badRequestError(`invalid selector: '${term}'; can't understand '${term}'`);
  const [, field = '', operator, raw = ''] = match;
  const value = raw.replaceAll(/\\(.)/g, '$1');
  const read = reader(field, resource);
  return operator === '!=' ? (object) => read(object) !== value : (object) => read(object) === value;
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
