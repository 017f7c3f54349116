import { dirname } from 'node:path';
import { settleNetwork, type ClusterNetwork } from '#api/cluster-network.ts';
import type { Clock } from '#lib/clock.ts';
import { makePrivateFolder } from '#lib/durable-file.ts';
import type { Ids } from '#lib/ids.ts';
import type { SchemaStep } from '#lib/schema-steps.ts';
import type { Meta } from './database.ts';
import type { Incarnation } from './incarnations.ts';
import { look, type FoundObject } from './look.ts';
import { setAside, type SetAside } from './set-aside.ts';

/**
 * What a start makes of the file it finds: which objects there are, above which revision to go on, and whether this is the database that
 * the cluster knows. Sets a broken one aside; writes nothing else.
 */
export type Start = {
  readonly objects: readonly FoundObject[];
  readonly reserved: number;
  readonly jump: number;
  readonly clusterId: string;
  readonly network: ClusterNetwork;
  /** `since` undefined: it begins with this start. */
  readonly incarnation: Omit<Incarnation, 'since'> & { readonly since: number | undefined };
  readonly setAside: SetAside | undefined;
};

export type StartOptions = {
  readonly file: string;
  readonly firstStart: boolean;
  readonly clusterId?: string;
  /** What was asked for; it counts where this start makes the database, and must agree with it otherwise. */
  readonly network?: Partial<ClusterNetwork>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'uuid'>;
  readonly steps?: readonly SchemaStep[];
};

/** A database that is behind what the world has seen goes on far above it; as etcd advises for restored backups. */
export const RESTORE_JUMP_REVISIONS = 1_000_000_000;

const IN_MEMORY = ':memory:';

export function prepareStart(options: StartOptions): Start {
  const { file, firstStart } = options;
  if (file === IN_MEMORY) return fresh(options, firstStart);
  makePrivateFolder(dirname(file));
  const found = look(file, options.steps);
  switch (found.type) {
    case 'nothing':
      return fresh(options, firstStart);
    case 'empty':
      return firstStart ? fresh(options, true) : replaced(options, 'it is empty', {});
    case 'broken':
      return replaced(options, found.why, found.meta);
    case 'database':
      return known(options, found.meta, found.objects);
  }
}

function fresh({ clusterId, ids, network = {} }: StartOptions, confirmed: boolean): Start {
  return {
    objects: [],
    reserved: 0,
    // Where a database has been lost nobody knows any more how far it was.
    jump: confirmed ? 0 : RESTORE_JUMP_REVISIONS,
    clusterId: clusterId ?? ids.uuid(),
    network: settleNetwork(network, undefined),
    incarnation: { id: ids.uuid(), confirmed, since: undefined },
    setAside: undefined,
  };
}

function replaced(options: StartOptions, why: string, meta: Meta): Start {
  const kept = networkIn(meta);
  // Before anything is moved: a refusal changes nothing.
  const network = settleNetwork(options.network ?? {}, Object.keys(kept).length === 0 ? undefined : kept);
  return {
    ...fresh({ ...options, network: {} }, false),
    network,
    reserved: meta.reserved ?? 0,
    clusterId: meta.cluster ?? options.clusterId ?? options.ids.uuid(),
    setAside: { path: setAside(options.file, options.clock.now()), why },
  };
}

function known({ clusterId, ids, network = {} }: StartOptions, meta: Meta, objects: readonly FoundObject[]): Start {
  const same = meta.stop !== 'backup' && meta.incarnation !== undefined;
  return {
    objects,
    reserved: objects.reduce((highest, { revision }) => Math.max(highest, revision), meta.reserved ?? 0),
    jump: same ? 0 : RESTORE_JUMP_REVISIONS,
    clusterId: meta.cluster ?? clusterId ?? ids.uuid(),
    // A database of before there was a choice was made with what is the default now.
    network: settleNetwork(network, networkIn(meta)),
    incarnation: same
      ? { id: meta.incarnation ?? '', confirmed: meta.confirmed === 'yes', since: meta.since ?? 0 }
      : { id: ids.uuid(), confirmed: false, since: undefined },
    setAside: undefined,
  };
}

function networkIn({ clusterCIDR, serviceCIDR, clusterDomain }: Meta): Partial<ClusterNetwork> {
  return {
    ...(clusterCIDR === undefined ? {} : { clusterCIDR }),
    ...(serviceCIDR === undefined ? {} : { serviceCIDR }),
    ...(clusterDomain === undefined ? {} : { clusterDomain }),
  };
}
