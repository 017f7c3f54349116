/** Every resource that Skerry serves by itself, in the order of discovery. */
import type { Resource } from '../resource.ts';
import { configMapResource } from './config-map.ts';
import { controllerRevisionResource } from './controller-revision.ts';
import { customResourceDefinitionResource } from './custom-resource-definition.ts';
import { daemonSetResource } from './daemon-set.ts';
import { deploymentResource } from './deployment.ts';
import { endpointSliceResource } from './endpoint-slice.ts';
import { endpointsResource } from './endpoints.ts';
import { eventResource } from './event.ts';
import { leaseResource } from './lease.ts';
import { namespaceResource } from './namespace.ts';
import { nodeResource } from './node.ts';
import { podResource } from './pod.ts';
import { replicaSetResource } from './replica-set.ts';
import { secretResource } from './secret.ts';
import { serviceAccountResource } from './service-account.ts';
import { serviceResource } from './service.ts';

export const builtinResources: readonly Resource[] = [
  configMapResource,
  endpointsResource,
  eventResource,
  namespaceResource,
  nodeResource,
  podResource,
  secretResource,
  serviceAccountResource,
  serviceResource,
  customResourceDefinitionResource,
  controllerRevisionResource,
  daemonSetResource,
  deploymentResource,
  replicaSetResource,
  leaseResource,
  endpointSliceResource,
];
