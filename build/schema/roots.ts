/**
 * What the generator starts from: the models (as @kubernetes/client-node names them) of every kind that Skerry serves or reads,
 * and the group that each name stands for where the name alone does not say it. Everything these reach is generated too.
 */
const KINDS = [
  'V1Namespace',
  'V1Node',
  'V1Pod',
  'V1ConfigMap',
  'V1Secret',
  'V1ServiceAccount',
  'V1Service',
  'V1Endpoints',
  'CoreV1Event',
  'V1Deployment',
  'V1ReplicaSet',
  'V1DaemonSet',
  'V1ControllerRevision',
  'V1Lease',
  'V1EndpointSlice',
  'V1Role',
  'V1ClusterRole',
  'V1RoleBinding',
  'V1ClusterRoleBinding',
] as const;

/** Answered and never kept, so there are no lists of them. */
const COMPUTED = [
  'AuthenticationV1TokenRequest',
  'V1TokenReview',
  'V1SelfSubjectReview',
  'V1SubjectAccessReview',
  'V1LocalSubjectAccessReview',
  'V1SelfSubjectAccessReview',
  'V1SelfSubjectRulesReview',
] as const;

export const ROOTS: readonly string[] = [
  ...KINDS,
  ...KINDS.map((kind) => `${kind}List`),
  ...COMPUTED,
  'V1Scale',
  'V1Binding',
  'V1DeleteOptions',
  'V1LabelSelector',
  'V1Status',
  'V1APIVersions',
  'V1APIGroupList',
  'V1APIResourceList',
];

/** Models whose version and kind exist in more than one group: the protobuf message (and so the definition) that is meant. */
export const MESSAGE_OF: Readonly<Record<string, string>> = {
  CoreV1EndpointPort: 'api.core.v1.EndpointPort',
  AuthenticationV1TokenRequest: 'api.authentication.v1.TokenRequest',
  CoreV1Event: 'api.core.v1.Event',
  CoreV1EventList: 'api.core.v1.EventList',
  CoreV1EventSeries: 'api.core.v1.EventSeries',
  CoreV1ResourceClaim: 'api.core.v1.ResourceClaim',
  DiscoveryV1EndpointPort: 'api.discovery.v1.EndpointPort',
  RbacV1Subject: 'api.rbac.v1.Subject',
  V1Preconditions: 'apimachinery.pkg.apis.meta.v1.Preconditions',
};
