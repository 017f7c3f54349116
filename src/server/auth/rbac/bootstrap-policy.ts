import type { ClusterRoleBinding } from '#api/kinds/rbac/cluster-role-binding.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import { RBAC_GROUP, type PolicyRule } from '#api/kinds/rbac/rules.ts';

/**
 * The roles and bindings that every cluster has, as upstream's (plugin/pkg/auth/authorizer/rbac/bootstrappolicy), also for kinds that
 * are not served yet. Parts of the cluster itself have no roles here: what they may do is ../authorize.ts.
 */
const API_VERSION = `${RBAC_GROUP}/v1`;
export const AUTOUPDATE = `${RBAC_GROUP}/autoupdate`;
const MARKS = {
  annotations: { [AUTOUPDATE]: 'true' },
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
};

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const CORE = '';
const APPS = 'apps';
const AUTHENTICATION = 'authentication.k8s.io';
const AUTHORIZATION = 'authorization.k8s.io';
const AUTOSCALING = 'autoscaling';
const BATCH = 'batch';
const COORDINATION = 'coordination.k8s.io';
const DISCOVERY = 'discovery.k8s.io';
const EXTENSIONS = 'extensions';
const NETWORKING = 'networking.k8s.io';
const POLICY = 'policy';
const DEVICES = 'resource.k8s.io';

const HEALTH = ['/healthz', '/livez', '/readyz'];
const VERSION = ['/version', '/version/'];

export function bootstrapRoles(): readonly ClusterRole[] {
  return [
    role('cluster-admin', [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]),
    gathering('admin', 'admin'),
    gathering('edit', 'edit', 'admin'),
    gathering('view', 'view', 'edit'),
    role('system:aggregate-to-admin', adminRules(), 'admin'),
    role('system:aggregate-to-edit', editRules(), 'edit'),
    role('system:aggregate-to-view', viewRules(), 'view'),
    role('system:auth-delegator', [
      rule(['create'], AUTHENTICATION, 'tokenreviews'),
      rule(['create'], AUTHORIZATION, 'subjectaccessreviews'),
    ]),
    role('system:basic-user', [
      rule(['create'], AUTHORIZATION, 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
      rule(['create'], AUTHENTICATION, 'selfsubjectreviews'),
    ]),
    role('system:discovery', [paths('/api', '/api/*', '/apis', '/apis/*', ...HEALTH, '/openapi', '/openapi/*', ...VERSION)]),
    role('system:monitoring', [paths(...HEALTH.flatMap((path) => [path, `${path}/*`]), '/metrics', '/metrics/slis')]),
    role('system:public-info-viewer', [paths(...HEALTH, ...VERSION)]),
    role('system:service-account-issuer-discovery', [
      paths('/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/'),
    ]),
  ];
}

export function bootstrapBindings(): readonly ClusterRoleBinding[] {
  return [
    binding('cluster-admin', 'system:masters'),
    binding('system:basic-user', 'system:authenticated'),
    binding('system:discovery', 'system:authenticated'),
    binding('system:monitoring', 'system:monitoring'),
    binding('system:public-info-viewer', 'system:authenticated', 'system:unauthenticated'),
    binding('system:service-account-issuer-discovery', 'system:serviceaccounts'),
  ];
}

function adminRules(): readonly PolicyRule[] {
  return [
    rule(['create'], AUTHORIZATION, 'localsubjectaccessreviews'),
    rule([...READ, ...WRITE], RBAC_GROUP, 'rolebindings', 'roles'),
  ];
}

function editRules(): readonly PolicyRule[] {
  const streams = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'];
  return [
    rule(READ, CORE, ...streams, 'secrets', 'services/proxy'),
    rule(['impersonate'], CORE, 'serviceaccounts'),
    rule(WRITE, CORE, 'pods', ...streams),
    rule(['create'], CORE, 'pods/eviction'),
    rule(
      WRITE,
      CORE,
      'configmaps',
      'events',
      'persistentvolumeclaims',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'secrets',
      'serviceaccounts',
      'services',
      'services/proxy',
    ),
    rule(['create'], CORE, 'serviceaccounts/token'),
    rule(
      WRITE,
      APPS,
      'daemonsets',
      ...scaled('deployments'),
      'deployments/rollback',
      ...scaled('replicasets'),
      ...scaled('statefulsets'),
    ),
    rule(WRITE, AUTOSCALING, 'horizontalpodautoscalers'),
    rule(WRITE, BATCH, 'cronjobs', 'jobs'),
    rule(
      WRITE,
      EXTENSIONS,
      'daemonsets',
      ...scaled('deployments'),
      'deployments/rollback',
      'ingresses',
      'networkpolicies',
      ...scaled('replicasets'),
      'replicationcontrollers/scale',
    ),
    rule(WRITE, POLICY, 'poddisruptionbudgets'),
    rule(WRITE, NETWORKING, 'ingresses', 'networkpolicies'),
    rule([...READ, ...WRITE], COORDINATION, 'leases'),
    rule(WRITE, DEVICES, 'resourceclaims', 'resourceclaimtemplates'),
  ];
}

function viewRules(): readonly PolicyRule[] {
  return [
    rule(
      READ,
      CORE,
      'configmaps',
      'endpoints',
      ...withStatus('persistentvolumeclaims'),
      'pods',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'serviceaccounts',
      ...withStatus('services'),
    ),
    rule(
      READ,
      CORE,
      'bindings',
      'events',
      'limitranges',
      'namespaces/status',
      'pods/log',
      'pods/status',
      'replicationcontrollers/status',
      ...withStatus('resourcequotas'),
    ),
    // In a namespace's binding it is that one namespace: by it a user finds out where they are let in.
    rule(READ, CORE, 'namespaces'),
    rule(READ, DISCOVERY, 'endpointslices'),
    rule(
      READ,
      APPS,
      'controllerrevisions',
      ...withStatus('daemonsets'),
      ...withStatus('deployments'),
      'deployments/scale',
      ...withStatus('replicasets'),
      'replicasets/scale',
      ...withStatus('statefulsets'),
      'statefulsets/scale',
    ),
    rule(READ, AUTOSCALING, ...withStatus('horizontalpodautoscalers')),
    rule(READ, BATCH, ...withStatus('cronjobs'), ...withStatus('jobs')),
    rule(
      READ,
      EXTENSIONS,
      ...withStatus('daemonsets'),
      ...withStatus('deployments'),
      'deployments/scale',
      ...withStatus('ingresses'),
      'networkpolicies',
      ...withStatus('replicasets'),
      'replicasets/scale',
      'replicationcontrollers/scale',
    ),
    rule(READ, POLICY, ...withStatus('poddisruptionbudgets')),
    rule(READ, NETWORKING, ...withStatus('ingresses'), 'networkpolicies'),
    rule(READ, DEVICES, ...withStatus('resourceclaims'), 'resourceclaimtemplates'),
  ];
}

const withStatus = (resource: string): readonly string[] => [resource, `${resource}/status`];
const scaled = (resource: string): readonly string[] => [resource, `${resource}/scale`];

function rule(verbs: readonly string[], group: string, ...resources: readonly string[]): PolicyRule {
  return { apiGroups: [group], resources: resources.toSorted(), verbs: verbs.toSorted() };
}

function paths(...urls: readonly string[]): PolicyRule {
  return { nonResourceURLs: urls.toSorted(), verbs: ['get'] };
}

/** `into`: the role that gathers this one. */
function role(name: string, rules: readonly PolicyRule[], into?: string): ClusterRole {
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: metadata(name, into), rules };
}

function gathering(name: string, label: string, into?: string): ClusterRole {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRole',
    metadata: metadata(name, into),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [gatherLabel(label)]: 'true' } }] },
  };
}

const gatherLabel = (role: string): string => `${RBAC_GROUP}/aggregate-to-${role}`;

function metadata(name: string, into?: string): ClusterRole['metadata'] {
  const { annotations, labels } = MARKS;
  return { name, annotations, labels: { ...labels, ...(into === undefined ? {} : { [gatherLabel(into)]: 'true' }) } };
}

/** The role and its binding have one name. */
function binding(name: string, ...groups: readonly string[]): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ kind: 'Group', apiGroup: RBAC_GROUP, name: group })),
  };
}
