import type { Resource, ResourceVersion } from './resource.ts';

/** An immutable set of resource rows. The server may replace the whole registry at run time; a request keeps the one it began with. */
export type Registry = {
  readonly resources: readonly Resource[];
  /** Groups in serving order with their versions, preferred first. The core group is ''. */
  readonly groups: readonly { readonly group: string; readonly versions: readonly string[] }[];
  /** By URL: group, version and plural; undefined where this version does not serve it. */
  readonly find: (group: string, version: string, plural: string) => Served | undefined;
  /** All that one version of a group serves, in serving order. */
  readonly inVersion: (group: string, version: string) => readonly Served[];
  readonly byId: (id: string) => Resource | undefined;
  /** By the `kind` and `apiVersion` of an owner reference or a body. */
  readonly byKind: (apiVersion: string, kind: string) => Served | undefined;
};

export type Served = { readonly resource: Resource; readonly version: ResourceVersion };

export function createRegistry(resources: readonly Resource[]): Registry {
  const served = resources.flatMap((resource) => resource.versions.map((version): Served => ({ resource, version })));
  const byUrl = new Map(
    served.map((entry) => [`${entry.resource.group}/${entry.version.version}/${entry.resource.plural}`, entry]),
  );
  const byKind = new Map(
    served.map((entry) => [`${apiVersion(entry.resource.group, entry.version.version)}/${entry.resource.kind}`, entry]),
  );
  const byId = new Map(resources.map((resource) => [resource.id, resource]));
  const groups = [...new Set(resources.map((resource) => resource.group))].map((group) => ({
    group,
    versions: [...new Set(served.filter((entry) => entry.resource.group === group).map((entry) => entry.version.version))],
  }));
  return {
    resources,
    groups,
    find: (group, version, plural) => byUrl.get(`${group}/${version}/${plural}`),
    inVersion: (group, version) => served.filter((entry) => entry.resource.group === group && entry.version.version === version),
    byId: (id) => byId.get(id),
    byKind: (version, kind) => byKind.get(`${version}/${kind}`),
  };
}

/** `v1` for the core group, `apps/v1` for others. */
export function apiVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The inverse of apiVersion: `apps/v1` → group `apps`, version `v1`. */
export function parseApiVersion(text: string): { readonly group: string; readonly version: string } {
  const slash = text.indexOf('/');
  return slash < 0 ? { group: '', version: text } : { group: text.slice(0, slash), version: text.slice(slash + 1) };
}
