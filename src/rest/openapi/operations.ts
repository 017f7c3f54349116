import { apiVersion, type Registry } from '#api/registry.ts';
import type { Resource, ResourceVersion } from '#api/resource.ts';
import type { Schema } from '#api/schema/schema.ts';
import { SCALE, SCALE_DEFINITION } from '../scale.ts';

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
  return registry.resources.flatMap((resource) => {
    const served = resource.group === group ? resource.versions.find((entry) => entry.version === version) : undefined;
    return served === undefined || schema.definition(served.definition) === undefined ? [] : resourceOperations(resource, served);
  });
}

function resourceOperations(resource: Resource, { version, definition }: ResourceVersion): readonly Operation[] {
  const { group, plural, kind, namespaced } = resource;
  const root = `/${group === '' ? 'api' : 'apis'}/${apiVersion(group, version)}`;
  const all = `${root}/${plural}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : all;
  const one = `${collection}/{name}`;
  const inside = namespaced ? [path('namespace', 'The namespace.')] : [];
  const named = [path('name', `Name of the ${kind}.`), ...inside];
  const common = { group, version, kind };
  const id = (verb: string, suffix = '') =>
    `${verb}${title(group)}${title(version)}${namespaced ? 'Namespaced' : ''}${kind}${suffix}`;
  const list = `${definition}List`;
  const main: readonly Operation[] = [
    {
      ...common,
      path: collection,
      method: 'get',
      action: 'list',
      id: id('list'),
      answer: list,
      parameters: [...inside, ...LIST],
    },
    {
      ...common,
      path: collection,
      method: 'post',
      action: 'post',
      id: id('create'),
      body: definition,
      answer: definition,
      parameters: [...inside, ...WRITE],
    },
    {
      ...common,
      path: collection,
      method: 'delete',
      action: 'deletecollection',
      id: id('deleteCollection'),
      body: DELETE_OPTIONS,
      answer: STATUS,
      parameters: [...inside, ...DELETE, ...LIST],
    },
    { ...common, path: one, method: 'get', action: 'get', id: id('read'), answer: definition, parameters: named },
    {
      ...common,
      path: one,
      method: 'put',
      action: 'put',
      id: id('replace'),
      body: definition,
      answer: definition,
      parameters: [...named, ...WRITE],
    },
    {
      ...common,
      path: one,
      method: 'patch',
      action: 'patch',
      id: id('patch'),
      answer: definition,
      parameters: [...named, ...PATCH],
    },
    {
      ...common,
      path: one,
      method: 'delete',
      action: 'delete',
      id: id('delete'),
      body: DELETE_OPTIONS,
      answer: STATUS,
      parameters: [...named, ...DELETE],
    },
  ];
  const everywhere: readonly Operation[] = namespaced
    ? [
        {
          ...common,
          path: all,
          method: 'get',
          action: 'list',
          id: `list${title(group)}${title(version)}${kind}ForAllNamespaces`,
          answer: list,
          parameters: LIST,
        },
      ]
    : [];
  const doors = Object.entries(resource.subresources).flatMap(([name, door]): readonly Operation[] => {
    const at = { path: `${one}/${name}` };
    const suffix = title(name);
    if (door.type === 'connect')
      return [{ ...common, ...at, method: 'get', action: 'connect', id: id('read', suffix), parameters: named }];
    if (door.type === 'create') {
      const target = { group: door.group, version: door.version, kind: door.kind };
      return [
        {
          ...target,
          ...at,
          method: 'post',
          action: 'post',
          id: id('create', suffix),
          body: door.definition,
          answer: STATUS,
          parameters: [...named, ...WRITE],
        },
      ];
    }
    const shown = door.type === 'scale' ? SCALE : common;
    const shape = door.type === 'scale' ? SCALE_DEFINITION : definition;
    const put: Operation = {
      ...shown,
      ...at,
      method: 'put',
      action: 'put',
      id: id('replace', suffix),
      body: shape,
      answer: shape,
      parameters: [...named, ...WRITE],
    };
    if (door.type === 'update') return [put];
    return [
      { ...shown, ...at, method: 'get', action: 'get', id: id('read', suffix), answer: shape, parameters: named },
      put,
      {
        ...shown,
        ...at,
        method: 'patch',
        action: 'patch',
        id: id('patch', suffix),
        answer: shape,
        parameters: [...named, ...PATCH],
      },
    ];
  });
  return [...main, ...everywhere, ...doors];
}

/** `apps` → `Apps`, the core group → `Core`, `coordination.k8s.io` → `Coordination`. */
function title(text: string): string {
  const word = text === '' ? 'core' : (text.split('.')[0] ?? text);
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
