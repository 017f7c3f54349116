import { CA_PATH, JOIN_PATH } from '#api/link/join.ts';
import { LEAVE_PATH } from '#api/link/leave.ts';
import type { Author } from '#rest/change.ts';
import type { Target, User } from '#rest/request.ts';

/**
 * What holds whatever the roles say: administrators may do all, everyone reaches the paths that a join and a look at the health need, and the cluster's
 * own parts, our loops and the nodes' reports, may do what the tables below say. All else is for roles (authorizer.ts).
 */
export function ownPartsMay(user: User, target: Target): boolean {
  if (user.groups.includes(MASTERS)) return true;
  return target.type === 'path' ? mayUsePath(target) : mayUseResource(user, target);
}

export const MASTERS = 'system:masters';

type PathTarget = Extract<Target, { readonly type: 'path' }>;
type ResourceTarget = Exclude<Target, PathTarget>;

/** Upstream's --authorization-always-allow-paths: also a cluster without roles is asked for its health. */
const HEALTH = ['/healthz', '/livez', '/readyz'];

function mayUsePath({ verb, path }: PathTarget): boolean {
  // These decide by what the asker shows: a token (src/server/join.ts), a node's key (src/server/leave.ts).
  if (path === JOIN_PATH || path === LEAVE_PATH) return verb === 'post';
  return (verb === 'get' || verb === 'head') && (HEALTH.includes(path) || path === CA_PATH);
}

/** What an internal author may write, as `resource.group` or `resource.group/subresource`; `*` is everything. They read from the view, not through here. */
type Rules = readonly string[];

const EVENTS: Rules = ['events', 'events.events.k8s.io'];
const PODS: Rules = ['pods', 'pods/status'];

/** By the controller's name. */
export const CONTROLLERS: Readonly<Record<string, Rules>> = {
  deployment: ['deployments.apps', 'deployments.apps/status', 'replicasets.apps'],
  replicaset: ['replicasets.apps', 'replicasets.apps/status', ...PODS],
  daemonset: ['daemonsets.apps', 'daemonsets.apps/status', 'controllerrevisions.apps', ...PODS],
  'generic-garbage-collector': ['*'],
  namespace: ['*'],
  'system-namespaces': ['namespaces'],
  'namespace-defaults': ['configmaps', 'serviceaccounts'],
  'pod-garbage-collector': PODS,
  node: ['nodes', 'nodes/status', ...PODS],
  'node-ipam': ['nodes'],
  'taint-eviction': PODS,
  endpoint: ['endpoints'],
  endpointslice: ['endpointslices.discovery.k8s.io'],
  endpointslicemirroring: ['endpointslices.discovery.k8s.io'],
  'service-lb': ['services/status'],
  'kubernetes-service': ['services', 'endpoints', 'endpointslices.discovery.k8s.io'],
  'event-expiry': EVENTS,
  'clusterrole-aggregation': ['clusterroles.rbac.authorization.k8s.io'],
  'service-account-tokens': ['secrets'],
  'token-cleaner': ['secrets'],
};
const SCHEDULER: Rules = ['pods/binding', 'pods/status'];
/** Nodes that join and leave. */
const JOIN: Rules = ['nodes', 'secrets'];

export const CONTROLLER_PREFIX = 'system:controller:';
export const NODE_PREFIX = 'system:node:';
export const SCHEDULER_NAME = 'system:kube-scheduler';
export const JOIN_NAME = 'system:skerry:join';
export const JOIN_AUTHOR: Author = { user: { name: JOIN_NAME, groups: ['system:authenticated'] }, fieldManager: 'skerry-join' };

/** Whose rights are the tables' and not roles'. */
export function isOwnPart({ name }: User): boolean {
  return name.startsWith(NODE_PREFIX) || rulesOf(name) !== undefined;
}

function mayUseResource({ name }: User, target: ResourceTarget): boolean {
  if (name.startsWith(NODE_PREFIX)) return mayReport(name.slice(NODE_PREFIX.length), target);
  const rules = rulesOf(name);
  if (rules === undefined) return false;
  if (target.verb === 'get' || target.verb === 'list' || target.verb === 'watch') return false;
  const group = target.group === '' ? '' : `.${target.group}`;
  const subresource = target.subresource === '' ? '' : `/${target.subresource}`;
  const asked = `${target.resource}${group}${subresource}`;
  return rules.includes('*') || rules.includes(asked) || EVENTS.includes(asked);
}

function rulesOf(name: string): Rules | undefined {
  if (name === SCHEDULER_NAME) return SCHEDULER;
  if (name === JOIN_NAME) return JOIN;
  if (!name.startsWith(CONTROLLER_PREFIX)) return undefined;
  const controller = name.slice(CONTROLLER_PREFIX.length);
  // Components that only tell events go by names of their own.
  return Object.hasOwn(CONTROLLERS, controller) ? CONTROLLERS[controller] : [];
}

/** A node's reports. That a pod is bound to that node is for the fleet to see, who has it at hand. */
function mayReport(node: string, { verb, group, resource, subresource, namespace, name }: ResourceTarget): boolean {
  switch (`${resource}${group === '' ? '' : `.${group}`}${subresource === '' ? '' : `/${subresource}`}`) {
    case 'nodes':
    case 'nodes/status':
      return verb === 'patch' && name === node;
    case 'pods':
      return verb === 'delete';
    case 'pods/status':
      return verb === 'patch';
    case 'leases.coordination.k8s.io':
      return namespace === 'kube-node-lease' && name === node && (verb === 'create' || verb === 'update' || verb === 'patch');
    case 'events':
    case 'events.events.k8s.io':
      return verb === 'create' || verb === 'update' || verb === 'patch';
    default:
      return false;
  }
}
