/** Every controller of the server, in one list. To add one: write it, put it here. */
import { parseCidr } from '#api/ip.ts';
import type { Registry } from '#api/registry.ts';
import { SkerryError } from '#lib/error.ts';
import type { Controller } from './controller.ts';
import { daemonSetController } from './daemon-set/daemon-set.ts';
import { deploymentController } from './deployment/deployment.ts';
import { eventExpiry } from './event-expiry.ts';
import { garbageCollector } from './garbage-collector.ts';
import { namespaceDefaults, systemNamespaces } from './namespace-defaults.ts';
import { namespaceDeletion } from './namespace-deletion.ts';
import { CLUSTER_CIDR, NODE_PREFIX, nodeIpam } from './node/node-ipam.ts';
import { nodeLifecycle } from './node/node-lifecycle.ts';
import { taintEviction } from './node/taint-eviction.ts';
import { podGc } from './pod-gc.ts';
import { replicaSetController } from './replica-set.ts';

export type BuiltinOptions = {
  /** The present registry: kinds may come and go. */
  readonly registry: () => Registry;
  /** PEM of the CA that signed the API server's certificate. */
  readonly caBundle: string;
  /** IPv4, at least one node's block large. Default CLUSTER_CIDR. */
  readonly clusterCidr?: string;
};

/** Throws BadOption for a cluster CIDR that is none or too small. */
export function builtinControllers({ registry, caBundle, clusterCidr = CLUSTER_CIDR }: BuiltinOptions): readonly Controller[] {
  const cidr = parseCidr(clusterCidr);
  if (cidr === undefined || cidr.address.family !== 4 || cidr.prefix > NODE_PREFIX)
    throw new SkerryError(
      'BadOption',
      `read the cluster CIDR "${clusterCidr}": it must be an IPv4 network of /${NODE_PREFIX} or larger, such as ${CLUSTER_CIDR}`,
    );
  return [
    systemNamespaces,
    namespaceDefaults(caBundle),
    deploymentController,
    replicaSetController,
    daemonSetController,
    nodeIpam(cidr),
    nodeLifecycle,
    taintEviction,
    garbageCollector(registry),
    namespaceDeletion(registry),
    podGc,
    eventExpiry,
  ];
}
