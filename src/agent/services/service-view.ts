import type { EndpointEntry, ServiceItem } from '#api/link/items.ts';

/**
 * What this node knows of services: the document's, with this node's own endpoints derived here. Data paths, names and environment variables are made of
 * it, and nothing else; a new one is a new value.
 */
export type ServiceView = {
  /** In the order of namespace and name. */
  readonly services: readonly KnownService[];
};

export type KnownService = {
  readonly item: ServiceItem;
  /** Of a database before this one, which this node may not forget yet. */
  readonly retained?: true;
  readonly endpoints: readonly KnownEndpoint[];
};

export type KnownEndpoint = EndpointEntry & {
  readonly isLocal: boolean;
  /** On a node of which nothing is heard, or to which no path was found: used where there is no other. */
  readonly isDoubtful: boolean;
};
