import { SkerryError } from '#lib/error.ts';

/** What a server serves, and how the words of a command line name it, as kubectl understands them. Decides on values; asks nothing. */
export type ResourceType = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
};

/**
 * `deploy`, `Deployment`, `deployments.apps`, `deployments.v1.apps`. An exact plural goes before a short name, and what stands first in the
 * list goes before the rest.
 */
export function findType(types: readonly ResourceType[], word: string): ResourceType | undefined {
  const text = word.toLowerCase();
  const [name = '', ...rest] = text.split('.');
  const [version = '', ...groupRest] = rest;
  const versioned = rest.length > 1 ? inGroup(types, groupRest.join('.')).filter((type) => type.version === version) : [];
  return named(versioned, name) ?? named(rest.length === 0 ? types : inGroup(types, rest.join('.')), name);
}

function named(types: readonly ResourceType[], name: string): ResourceType | undefined {
  return (
    types.find(({ plural }) => plural === name) ??
    types.find(({ shortNames }) => shortNames.includes(name)) ??
    types.find(({ singular, kind }) => singular === name || kind.toLowerCase() === name)
  );
}

/** Of a group by its name, or by how that begins where none is called so. */
function inGroup(types: readonly ResourceType[], group: string): readonly ResourceType[] {
  const exact = types.filter((type) => type.group === group);
  return exact.length > 0 ? exact : types.filter((type) => type.group.startsWith(group));
}

/** All that can be listed of a category, such as `all`. */
export function typesInCategory(types: readonly ResourceType[], category: string): readonly ResourceType[] {
  return types.filter(({ categories, verbs }) => categories.includes(category) && verbs.includes('list'));
}

export function typeOfKind(types: readonly ResourceType[], apiVersion: string, kind: string): ResourceType | undefined {
  return types.find((type) => type.kind === kind && groupVersionOf(type) === apiVersion);
}

/** `v1`, `apps/v1` */
export function groupVersionOf({ group, version }: Pick<ResourceType, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `pod`, `deployment.apps`: as objects are named in front of a slash. */
export function kindName({ group, kind }: Pick<ResourceType, 'group' | 'kind'>): string {
  return `${kind}${group === '' ? '' : `.${group}`}`.toLowerCase();
}

/** `pods`, `deployments.apps` */
export function pluralName({ group, plural }: Pick<ResourceType, 'group' | 'plural'>): string {
  return group === '' ? plural : `${plural}.${group}`;
}

export const PODS = { group: '', version: 'v1', plural: 'pods', namespaced: true } as const;

type Served = Pick<ResourceType, 'group' | 'version' | 'plural' | 'namespaced'>;

/** `namespace` undefined: of all namespaces, and of what has none. Throws BadRequest for one that can be none. */
export function collectionPath(type: Served, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  return `${root}${type.namespaced && namespace !== undefined ? `/namespaces/${segment('namespace', namespace)}` : ''}/${type.plural}`;
}

/** Throws BadRequest for a name that can be none. */
export function objectPath(type: Served, namespace: string | undefined, name: string): string {
  return `${collectionPath(type, namespace)}/${segment('resource name', name)}`;
}

/**
 * What no object can be called as it would be another path (Kubernetes: path segment names): without a name, or with two dots, a DELETE would be
 * that of the whole collection, or of the namespace.
 */
function segment(what: string, text: string): string {
  if (text === '') throw new SkerryError('BadRequest', `${what} may not be empty`);
  if (text === '.' || text === '..')
    throw new SkerryError('BadRequest', `invalid ${what} ${JSON.stringify(text)}: may not be '${text}'`);
  const wrong = /[/%]/.exec(text)?.[0];
  if (wrong !== undefined)
    throw new SkerryError('BadRequest', `invalid ${what} ${JSON.stringify(text)}: may not contain '${wrong}'`);
  return encodeURIComponent(text);
}
