import { expect, test } from 'vitest';
import { parseArguments } from './resource-arguments.ts';
import { PODS, findType, objectPath, pluralName, typesInCategory, type ResourceType } from './resource-types.ts';

const type = (group: string, kind: string, plural: string, more: Partial<ResourceType> = {}): ResourceType => ({
  group,
  version: 'v1',
  kind,
  plural,
  singular: kind.toLowerCase(),
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: ['list'],
  ...more,
});
const TYPES = [
  type('', 'Pod', 'pods', { shortNames: ['po'], categories: ['all'] }),
  type('', 'Event', 'events', { shortNames: ['ev'] }),
  type('apps', 'Deployment', 'deployments', { shortNames: ['deploy'], categories: ['all'] }),
  type('apps', 'Deployment', 'deployments', { version: 'v1beta1' }),
  type('events.k8s.io', 'Event', 'events', { shortNames: ['ev'] }),
  type('example.com', 'Po', 'deploy', { categories: ['all'], verbs: ['get'] }),
];

test.each([
  ['pods', 'pods'],
  ['POD', 'pods'],
  ['po', 'pods'],
  ['deployment', 'deployments.apps'],
  ['deploy', 'deploy.example.com'],
  ['deploy.apps', 'deployments.apps'],
  ['deployments.v1beta1.apps', 'deployments.apps'],
  ['ev', 'events'],
  ['events.events', 'events.events.k8s.io'],
  ['events.nosuch', undefined],
  ['nosuch', undefined],
])('%s means %s', (word, expected) => {
  const found = findType(TYPES, word);
  expect(found === undefined ? undefined : pluralName(found)).toBe(expected);
});

test('a category means all of it that can be listed', () => {
  expect(typesInCategory(TYPES, 'all').map(pluralName)).toEqual(['pods', 'deployments.apps']);
});

test.each([
  ['', undefined],
  ['pods', 'pods'],
  ['po,svc,po', 'po svc'],
  ['pods a b', 'pods/a pods/b'],
  ['po,svc a', 'po/a svc/a'],
  ['po/a svc/b', 'po/a svc/b'],
])('"%s" asks for %s', (line, expected) => {
  const asked = parseArguments(line.split(' '));
  const text = asked?.by === 'type' ? asked.types.join(' ') : asked?.names.map((one) => `${one.type}/${one.name}`).join(' ');
  expect(text).toBe(expected);
});

test.each(['pods po/a', 'po/a/b', 'po/', '/a', 'po,svc/a', ','])('"%s" asks for nothing that there is', (line) => {
  expect(() => parseArguments(line.split(' '))).toThrow(expect.objectContaining({ code: 'Usage' }));
});

test.each([
  ['a', '', 'resource name may not be empty'],
  ['a', '..', "may not be '..'"],
  ['a', 'b/c', "may not contain '/'"],
  ['a', 'b%2fc', "may not contain '%'"],
  ['', 'b', 'namespace may not be empty'],
  ['..', 'b', "may not be '..'"],
])(
  'no path is made of namespace "%s" and name "%s": a DELETE there would be that of something larger',
  (namespace, name, why) => {
    expect(() => objectPath(PODS, namespace, name)).toThrow(why);
  },
);

test('the path of an object', () => {
  expect(objectPath(PODS, 'a', 'b?c')).toBe('/api/v1/namespaces/a/pods/b%3Fc');
  expect(objectPath({ ...PODS, group: 'g', namespaced: false }, undefined, 'b')).toBe('/apis/g/v1/pods/b');
});
