import { apiVersion, type Registry, type Served } from '#api/registry.ts';
import { omit } from '#api/omit.ts';
import type { Subresource, Verb } from '#api/resource.ts';
import type { Schema } from '#api/schema/schema.ts';
import { SCALE, SCALE_DEFINITION } from '../scale.ts';
import { verbsOf } from '../verbs.ts';

/** What can be asked of each resource, as plain rows: the one source of both OpenAPI documents. */
export type Operation = {
  readonly path: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** `x-kubernetes-action`. */
  readonly action: 'list' | 'get' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection' | 'connect';
  readonly id: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Definition of the body, if there is one. */
  readonly body?: string;
  /** Definition of the answer; undefined: text. */
  readonly answer?: string;
  readonly parameters: readonly Parameter[];
};

export type Parameter = {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
};

export const PATCH_MEDIA = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];
export const BODY_MEDIA = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
export const STATUS = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
export const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});
const path = (name: string, description: string): Parameter => ({ name, in: 'path', type: 'string', description });

const WRITE: readonly Parameter[] = [
  query('dryRun', 'string', 'All: nothing is stored.'),
  query('fieldManager', 'string', 'Who makes the change.'),
  query('fieldValidation', 'string', 'Strict, Warn or Ignore unknown and duplicate fields.'),
];
const PATCH: readonly Parameter[] = [
  ...WRITE,
  query('force', 'boolean', 'Takes fields over from other managers; for apply only.'),
];
const LIST: readonly Parameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Asks for bookmarks in a watch.'),
  query('continue', 'string', 'Where the last page ended.'),
  query('fieldSelector', 'string', 'Only objects with these fields.'),
  query('labelSelector', 'string', 'Only objects with these labels.'),
  query('limit', 'integer', 'How many objects a page holds at most.'),
  query('resourceVersion', 'string', 'How old the answer may be.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant.'),
  query('sendInitialEvents', 'boolean', 'Begins a watch with the present state.'),
  query('timeoutSeconds', 'integer', 'How long a list or watch may take.'),
  query('watch', 'boolean', 'Tells of changes as they come.'),
];
const DELETE: readonly Parameter[] = [
  query('dryRun', 'string', 'All: nothing is stored.'),
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end.'),
  query('propagationPolicy', 'string', 'Orphan, Background or Foreground.'),
];

/** All operations of one group version, but for those of kinds whose shape the schema does not know. */
export function operationsOf(registry: Registry, schema: Schema, group: string, version: string): readonly Operation[] {
  return registry
    .inVersion(group, version)
    .filter(({ version: { definition } }) => schema.definition(definition) !== undefined)
    .flatMap((served) => resourceOperations(served));
}

/** What is shown at a place: the kind and the definitions of what goes in and out. */
type Place = Pick<Operation, 'path' | 'group' | 'version' | 'kind'> & {
  readonly body: string;
  readonly answer: string;
  /** Of the path. */
  readonly parameters: readonly Parameter[];
};

function resourceOperations({ resource, version: { version, definition } }: Served): readonly Operation[] {
  const { group, plural, kind, namespaced } = resource;
  const root = `/${group === '' ? 'api' : 'apis'}/${apiVersion(group, version)}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const inside = namespaced ? [path('namespace', 'The namespace.')] : [];
  const named = [path('name', `Name of the ${kind}.`), ...inside];
  const owner = `${title(group)}${title(version)}`;
  const scope = `${owner}${namespaced ? 'Namespaced' : ''}${kind}`;
  const own = { group, version, kind, body: definition, answer: definition };
  const all: Place = { ...own, path: collection, parameters: inside };
  const one: Place = { ...own, path: `${collection}/{name}`, parameters: named };
  const main = verbsOf(resource, '').flatMap((verb) =>
    verb === 'watch' ? [] : [operation(verb, COLLECTIVE.has(verb) ? all : one, scope)],
  );
  const everywhere: Operation = {
    ...operation('list', { ...all, path: `${root}/${plural}`, parameters: [] }, scope),
    id: `list${owner}${kind}ForAllNamespaces`,
  };
  const doors = Object.entries(resource.subresources).flatMap(([name, door]) =>
    verbsOf(resource, name).map((verb) => {
      const place = { ...one, ...shownBy(door), path: `${one.path}/${name}` };
      const each = operation(verb, place, `${scope}${title(name)}`);
      // What is connected to takes no object and answers with text.
      if (door.type === 'connect') return { ...omit(each, 'body', 'answer'), action: 'connect' as const };
      return each;
    }),
  );
  return [...main, ...(namespaced && verbsOf(resource, '').includes('list') ? [everywhere] : []), ...doors];
}

const COLLECTIVE: ReadonlySet<Verb> = new Set(['list', 'create', 'deletecollection']);

function shownBy(door: Subresource): Partial<Place> {
  if (door.type === 'scale') return { ...SCALE, body: SCALE_DEFINITION, answer: SCALE_DEFINITION };
  if (door.type !== 'create' && door.type !== 'computed') return {};
  const answer = door.type === 'computed' ? door.definition : STATUS;
  return { group: door.group, version: door.version, kind: door.kind, body: door.definition, answer };
}

/** A watch is a list that goes on: it has no operation of its own. */
function operation(verb: Verb, { body, answer, parameters, ...place }: Place, name: string): Operation {
  switch (verb) {
    case 'get':
      return { ...place, method: 'get', action: 'get', id: `read${name}`, answer, parameters };
    case 'list':
    case 'watch':
      return {
        ...place,
        method: 'get',
        action: 'list',
        id: `list${name}`,
        answer: `${answer}List`,
        parameters: [...parameters, ...LIST],
      };
    case 'create':
      return {
        ...place,
        method: 'post',
        action: 'post',
        id: `create${name}`,
        body,
        answer,
        parameters: [...parameters, ...WRITE],
      };
    case 'update':
      return {
        ...place,
        method: 'put',
        action: 'put',
        id: `replace${name}`,
        body,
        answer,
        parameters: [...parameters, ...WRITE],
      };
    case 'patch':
      return { ...place, method: 'patch', action: 'patch', id: `patch${name}`, answer, parameters: [...parameters, ...PATCH] };
    case 'delete':
    case 'deletecollection': {
      const options = verb === 'delete' ? DELETE : [...DELETE, ...LIST];
      const deleted = {
        method: 'delete',
        body: DELETE_OPTIONS,
        answer: STATUS,
        parameters: [...parameters, ...options],
      } as const;
      return { ...place, ...deleted, action: verb, id: `${verb === 'delete' ? 'delete' : 'deleteCollection'}${name}` };
    }
  }
}

/** `apps` → `Apps`, the core group → `Core`, `coordination.k8s.io` → `Coordination`. */
function title(text: string): string {
  const word = text === '' ? 'core' : (text.split('.')[0] ?? text);
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
