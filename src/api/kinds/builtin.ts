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
import { clusterRoleBindingResource } from './rbac/cluster-role-binding.ts';
import { clusterRoleResource } from './rbac/cluster-role.ts';
import { roleBindingResource } from './rbac/role-binding.ts';
import { roleResource } from './rbac/role.ts';
import { replicaSetResource } from './replica-set.ts';
import {
  localSubjectAccessReviewResource,
  selfSubjectAccessReviewResource,
  selfSubjectRulesReviewResource,
  subjectAccessReviewResource,
} from './review/access-reviews.ts';
import { selfSubjectReviewResource, tokenReviewResource } from './review/authentication-reviews.ts';
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
  selfSubjectReviewResource,
  tokenReviewResource,
  localSubjectAccessReviewResource,
  selfSubjectAccessReviewResource,
  selfSubjectRulesReviewResource,
  subjectAccessReviewResource,
  clusterRoleBindingResource,
  clusterRoleResource,
  roleBindingResource,
  roleResource,
  leaseResource,
  endpointSliceResource,
];
