/** Every controller of the server, in one list. To add one: write it, put it here. */
import { DEFAULT_NETWORK, networkOf, type ClusterNetwork } from '#api/cluster-network.ts';
import type { Registry } from '#api/registry.ts';
import { clusterRoleAggregation } from './cluster-role-aggregation.ts';
import type { Controller } from './controller.ts';
import { daemonSetController } from './daemon-set/daemon-set.ts';
import { deploymentController } from './deployment/deployment.ts';
import { eventExpiry } from './event-expiry.ts';
import { garbageCollector } from './garbage-collector.ts';
import { namespaceDefaults, systemNamespaces } from './namespace-defaults.ts';
import { namespaceDeletion } from './namespace-deletion.ts';
import { nodeIpam } from './node/node-ipam.ts';
import { nodeLifecycle } from './node/node-lifecycle.ts';
import { taintEviction } from './node/taint-eviction.ts';
import { podGc } from './pod-gc.ts';
import { replicaSetController } from './replica-set.ts';
import { endpointSliceController } from './service/endpoint-slice.ts';
import { endpointsController } from './service/endpoints.ts';
import { kubernetesService, type ApiServerPlace } from './service/kubernetes-service.ts';
import { loadBalancerController } from './service/load-balancer.ts';
import { mirroringController } from './service/mirroring.ts';

export type BuiltinOptions = {
  /** The present registry: kinds may come and go. */
  readonly registry: () => Registry;
  /** PEM of the CA that signed the API server's certificate. */
  readonly caBundle: string;
  /** As it was settled at the start. Default DEFAULT_NETWORK. */
  readonly network?: Pick<ClusterNetwork, 'clusterCIDR' | 'serviceCIDR'>;
  /** Where the API is found; default: not known, and not told. */
  readonly apiServer?: () => ApiServerPlace | undefined;
};

export function builtinControllers(options: BuiltinOptions): readonly Controller[] {
  const { registry, caBundle, network = DEFAULT_NETWORK, apiServer = () => undefined } = options;
  return [
    systemNamespaces,
    namespaceDefaults(caBundle),
    deploymentController,
    replicaSetController,
    daemonSetController,
    kubernetesService(networkOf(network.serviceCIDR), apiServer),
    endpointSliceController,
    endpointsController,
    mirroringController,
    loadBalancerController,
    nodeIpam(networkOf(network.clusterCIDR)),
    nodeLifecycle,
    taintEviction,
    garbageCollector(registry),
    namespaceDeletion(registry),
    podGc,
    eventExpiry,
    clusterRoleAggregation,
  ];
}
