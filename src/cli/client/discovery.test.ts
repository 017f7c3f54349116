import { expect, test } from 'vitest';
import { builtinResources } from '#api/kinds/builtin.ts';
import { CORE_TYPES } from './core-types.ts';
import { createDiscovery } from './discovery.ts';

test('what is known of the core group is what our own server has of it', () => {
  const served = builtinResources.flatMap(({ group, versions, kind, plural, singular, namespaced, shortNames, categories }) =>
    versions.map(({ version }) => ({ group, version, kind, plural, singular, namespaced, shortNames, categories })),
  );
  const known = CORE_TYPES.map(({ verbs: _, ...type }) => type);
  const order = (left: { readonly plural: string }, right: { readonly plural: string }) => (left.plural < right.plural ? -1 : 1);
  // Of those that are asked for once in a while only, nothing is known beforehand.
  const often = served.filter(({ group, plural }) => group === '' && plural !== 'endpoints');
  expect(known.toSorted(order)).toEqual(often.toSorted(order));
});

/** A server with these types of the core group, and `apps` with deployments. */
function discover(...plurals: readonly string[]) {
  const asked: string[] = [];
  const item = (group: string, names: readonly string[]) => ({
    metadata: { name: group },
    versions: [
      {
        version: 'v1',
        resources: names.map((resource) => ({ resource, scope: 'Namespaced', categories: ['all'], verbs: ['list'] })),
      },
    ],
  });
  const discovery = createDiscovery({
    send: async (_, path) => {
      asked.push(path);
      return { kind: 'APIGroupDiscoveryList', items: [path === '/api' ? item('', plurals) : item('apps', ['deployments'])] };
    },
  });
  return { discovery, asked };
}

test.each([
  ['pods', 'pods', []],
  ['Po', 'pods', []],
  ['endpoints', 'endpoints', ['/api']],
  ['deployments', 'deployments', ['/api', '/apis']],
  ['deployments.apps', 'deployments', ['/api', '/apis']],
])('%s is found to be %s by asking for %s', async (word, plural, requests) => {
  const { discovery, asked } = discover('pods', 'endpoints');
  expect((await discovery.type(word)).plural).toBe(plural);
  expect(asked).toEqual(requests);
});

test('a type is the same value by whatever word it is found', async () => {
  const { discovery } = discover('pods', 'endpoints');
  const [byCategory, byWord] = [await discovery.types('all'), await discovery.types('po')];
  expect(byCategory.map(({ plural }) => plural)).toEqual(['pods', 'endpoints', 'deployments']);
  expect(byCategory[0]).toBe(byWord[0]);
  expect(await discovery.kind('v1', 'Pod')).toBe(byWord[0]);
});
