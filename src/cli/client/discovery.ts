import { SkerryError } from '#lib/error.ts';
import type { ApiClient } from './api-client.ts';
import { CORE_TYPES } from './core-types.ts';
import { findType, typeOfKind, typesInCategory, type ResourceType } from './resource-types.ts';

/**
 * Asks a server what it serves (aggregated discovery, KEP-3352), as little as it can: nothing for what every server has, the core group in one
 * request, and all others in another, made only for a word that the first does not answer.
 */
export type Discovery = {
  /** Throws UnknownType. */
  readonly type: (word: string) => Promise<ResourceType>;
  /** The types that a word names: one, or those of a category. Throws UnknownType. */
  readonly types: (word: string) => Promise<readonly ResourceType[]>;
  /** Throws UnknownType. */
  readonly kind: (apiVersion: string, kind: string) => Promise<ResourceType>;
  readonly all: () => Promise<readonly ResourceType[]>;
};

export function createDiscovery(client: Pick<ApiClient, 'send'>): Discovery {
  // One value per type, however it was found: who was asked for two words compares what they mean.
  const core = once(async () => (await fetchTypes(client, '/api')).map((type) => alreadyKnown(type) ?? type));
  const groups = once(() => fetchTypes(client, '/apis'));
  const all = async () => (await Promise.all([core(), groups()])).flat();

  const find = async (word: string): Promise<ResourceType | undefined> => {
    const isPlain = !word.includes('.');
    // What the core group calls exactly so, no other group takes from it.
    if (!isPlain) return findType(await all(), word);
    return findType(CORE_TYPES, word) ?? findType(await core(), word) ?? findType(await all(), word);
  };
  const type = async (word: string) => {
    const found = await find(word);
    if (found !== undefined) return found;
    throw new SkerryError('UnknownType', `the server doesn't have a resource type ${JSON.stringify(word.split('.')[0] ?? '')}`);
  };

  return {
    type,
    types: async (word) => {
      // No resource is called as a category is, so only a word that names nothing is looked for there.
      const found = await find(word);
      if (found !== undefined) return [found];
      const category = typesInCategory(await all(), word.toLowerCase());
      return category.length > 0 ? category : [await type(word)];
    },
    kind: async (apiVersion, kind) => {
      const found =
        typeOfKind(CORE_TYPES, apiVersion, kind) ??
        typeOfKind(await (apiVersion.includes('/') ? groups() : core()), apiVersion, kind);
      if (found !== undefined) return found;
      throw new SkerryError(
        'UnknownType',
        `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}: the server does not serve it`,
      );
    },
    all,
  };
}

function alreadyKnown({ version, plural }: ResourceType): ResourceType | undefined {
  return CORE_TYPES.find((known) => known.version === version && known.plural === plural);
}

const ACCEPT = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .concat('application/json')
  .join(',');

/** As far as it is read here. */
type Aggregated = {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly { readonly version: string; readonly resources?: readonly AggregatedResource[] }[];
  }[];
};
type AggregatedResource = {
  readonly resource: string;
  readonly responseKind?: { readonly group?: string; readonly version?: string; readonly kind?: string };
  readonly scope?: string;
  readonly singularResource?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs?: readonly string[];
};

async function fetchTypes(client: Pick<ApiClient, 'send'>, path: '/api' | '/apis'): Promise<readonly ResourceType[]> {
  const answer = await client.send('GET', path, undefined, { accept: ACCEPT });
  // Sound: every field is looked at before it is used, and what says it is of this kind has its form.
  const { kind, items } = (typeof answer === 'object' && answer !== null ? answer : {}) as Aggregated;
  if (kind !== 'APIGroupDiscoveryList' || !Array.isArray(items))
    throw new SkerryError(
      'NotAcceptable',
      `ask ${path} what is served: the server answers no aggregated discovery (Kubernetes does since 1.27)`,
    );
  return (items as NonNullable<Aggregated['items']>).flatMap(({ metadata, versions = [] }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.map((resource) => ({
        group: metadata?.name ?? '',
        version,
        kind: resource.responseKind?.kind ?? '',
        plural: resource.resource,
        singular: resource.singularResource ?? '',
        namespaced: resource.scope === 'Namespaced',
        shortNames: resource.shortNames ?? [],
        categories: resource.categories ?? [],
        verbs: resource.verbs ?? [],
      })),
    ),
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
