/** Nodes: the row, and the questions others ask of a node. Who writes which condition is the node lifecycle's affair. */
import type { Node, NodeCondition, NodeSpec, NodeSystemInfo, Taint } from '../generated/types.ts';
import { defineResource, type Cell, type Resource } from '../resource.ts';
import { age } from './age.ts';
import { AGE_COLUMN, column, NAME_COLUMN, NONE, wideColumn } from './columns.ts';
import { findCondition } from './conditions.ts';
import { validateNode, validateNodeUpdate } from './node-validation.ts';

export type { Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo, Taint } from '../generated/types.ts';
export type { SelectableNode } from './pod/node-affinity.ts';

export const TAINT_NOT_READY = 'node.kubernetes.io/not-ready';
export const TAINT_UNREACHABLE = 'node.kubernetes.io/unreachable';
export const TAINT_UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

export const nodeResource: Resource = defineResource<Node>({
  id: 'nodes',
  group: '',
  plural: 'nodes',
  singular: 'node',
  kind: 'Node',
  shortNames: ['no'],
  categories: [],
  namespaced: false,
  versions: [{ version: 'v1', definition: 'io.k8s.api.core.v1.Node' }],
  fields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  columns: [
    NAME_COLUMN,
    column('Status', 'string', 'Whether the node is ready, and whether new pods may be placed on it.'),
    column('Roles', 'string', 'The roles that its labels give it.'),
    AGE_COLUMN,
    column('Version', 'string', 'Version of the agent on the node.'),
    wideColumn('Internal-IP', 'string', 'First address inside the cluster.'),
    wideColumn('External-IP', 'string', 'First address outside the cluster.'),
    wideColumn('OS-Image', 'string', 'Operating system that the node reports.'),
    wideColumn('Kernel-Version', 'string', 'Kernel that the node reports.'),
    wideColumn('Container-Runtime', 'string', 'Container engine that the node reports.'),
  ],
  cells: nodeCells,
  subresources: { status: { type: 'status' } },
  strategy: {
    default: defaultNode,
    prepareForCreate: withNotReadyTaint,
    validate: validateNode,
    validateUpdate: validateNodeUpdate,
    validateStatusUpdate: (next) => validateNode(next),
    claims: ({ spec }) => (spec?.podCIDRs ?? []).map((cidr) => `pod-cidr/${cidr}`),
  },
});

export function nodeCondition(node: Node, type: string): NodeCondition | undefined {
  return findCondition(node.status?.conditions, type);
}

export function isNodeReady(node: Node): boolean {
  return nodeCondition(node, 'Ready')?.status === 'True';
}

export function nodeAddress(node: Node, type: string): string | undefined {
  return node.status?.addresses?.find((address) => address.type === type)?.address;
}

const NODE_INFO: NodeSystemInfo = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: '',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: '',
  architecture: '',
};

/**
 * Every field that upstream's types always carry; capacity stands in for allocatable where only the first is known; podCIDR is the
 * first of podCIDRs.
 */
function defaultNode(node: Node): Node {
  const { capacity, allocatable, daemonEndpoints } = node.status ?? {};
  const offered = allocatable ?? capacity;
  return {
    ...node,
    spec: withBothPodCidrs(node.spec ?? {}),
    status: {
      ...node.status,
      ...(offered === undefined ? {} : { allocatable: offered }),
      daemonEndpoints: {
        ...daemonEndpoints,
        kubeletEndpoint: { ...daemonEndpoints?.kubeletEndpoint, Port: daemonEndpoints?.kubeletEndpoint?.Port ?? 0 },
      },
      nodeInfo: { ...NODE_INFO, ...node.status?.nodeInfo },
    },
  };
}

function withBothPodCidrs(spec: NodeSpec): NodeSpec {
  const { podCIDR = '', podCIDRs = [] } = spec;
  if (podCIDR !== '') return podCIDRs[0] === podCIDR ? spec : { ...spec, podCIDRs: [podCIDR] };
  return podCIDRs[0] === undefined ? spec : { ...spec, podCIDR: podCIDRs[0] };
}

/** Upstream's admission TaintNodesByCondition: nothing is scheduled to a node before it has been seen ready. */
function withNotReadyTaint(node: Node): Node {
  const taints = node.spec?.taints ?? [];
  const taint: Taint = { key: TAINT_NOT_READY, effect: 'NoSchedule' };
  if (taints.some(({ key, effect }) => key === taint.key && effect === taint.effect)) return node;
  return { ...node, spec: { ...node.spec, taints: [...taints, taint] } };
}

function nodeCells(node: Node, now: number): readonly Cell[] {
  const info = node.status?.nodeInfo;
  return [
    node.metadata.name ?? '',
    statusText(node),
    rolesText(node),
    age(node.metadata.creationTimestamp, now),
    info?.kubeletVersion ?? '',
    nodeAddress(node, 'InternalIP') ?? NONE,
    nodeAddress(node, 'ExternalIP') ?? NONE,
    orUnknown(info?.osImage),
    orUnknown(info?.kernelVersion),
    orUnknown(info?.containerRuntimeVersion),
  ];
}

function statusText(node: Node): string {
  const ready = nodeCondition(node, 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${status},SchedulingDisabled` : status;
}

function rolesText({ metadata }: Node): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(prefix)) return key.length > prefix.length ? [key.slice(prefix.length)] : [];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return roles.length === 0 ? NONE : [...new Set(roles)].toSorted().join(',');
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === '' ? '<unknown>' : text;
}
