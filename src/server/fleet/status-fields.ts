import type { KubeObject } from '#api/object.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import { rfc3339 } from '#lib/time.ts';
import { transitionTime, type Clocks } from './server-time.ts';

/**
 * Which fields of a status are a node's to report, and the strategic merge patch that brings them in line. Whatever else stands in a
 * report is left out: a node that is taken over can lie about its own pods, not write where others have the word. Pure.
 */
type Fields = { readonly [name: string]: unknown };

const POD_FIELDS = [
  'phase',
  'message',
  'reason',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'observedGeneration',
];
const POD_CONDITIONS = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodResizeInProgress',
  'PodResizePending',
];
const NODE_FIELDS = ['capacity', 'allocatable', 'addresses', 'nodeInfo', 'images', 'daemonEndpoints'];
const NODE_CONDITIONS = ['Ready', 'ConfigOK', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'];
const CONDITION_FIELDS = [
  'status',
  'reason',
  'message',
  'lastTransitionTime',
  'lastHeartbeatTime',
  'lastProbeTime',
  'observedGeneration',
];
const SAID_FIELDS = ['status', 'reason', 'message', 'lastTransitionTime'];
/** A report is the whole of what the node says: what it no longer says goes. */
const CLEARED = ['message', 'reason', 'podIP', 'podIPs'];
/** Lists that a strategic patch would merge by key, though the report has all of them. */
const END_FIELDS = ['phase', 'reason', 'message'];
const TERMINAL: ReadonlySet<unknown> = new Set(['Succeeded', 'Failed']);
const WHOLE_LISTS = ['podIPs', 'hostIPs', 'addresses'];
const CONDITIONS_MAX = 32;

export function podStatusPatch(reported: Fields, pod: KubeObject, clocks: Clocks): Fields {
  const current = asFields(pod['status']);
  // As the kubelet has it: a pod that has ended does not come back, so a belated word says nothing about its end.
  const isBelated = TERMINAL.has(current['phase']) && !TERMINAL.has(reported['phase']);
  const without = isBelated ? END_FIELDS : [];
  const cleared = CLEARED.filter(
    (name) => reported[name] === undefined && current[name] !== undefined && !without.includes(name),
  );
  const { creationTimestamp } = pod.metadata;
  const timed = (fields: Fields, before: Fields | undefined): Fields => {
    const told = fields['lastTransitionTime'];
    const known = before?.['status'] === fields['status'] ? before?.['lastTransitionTime'] : undefined;
    if (typeof told !== 'string') return fields;
    const time = transitionTime(told, creationTimestamp, typeof known === 'string' ? known : undefined, clocks);
    return { ...fields, lastTransitionTime: time };
  };
  return {
    ...taken(
      reported,
      POD_FIELDS.filter((name) => !without.includes(name)),
    ),
    ...Object.fromEntries(cleared.map((name) => [name, null])),
    ...conditionsPatch(reported['conditions'], current['conditions'], POD_CONDITIONS, timed),
  };
}

/** The time of the heartbeat is the server's, written with whatever else is news: by itself it is worth no write. */
export function nodeStatusPatch(reported: Fields, node: KubeObject, nowMs: number): Fields {
  const current = asFields(node['status']);
  const isNews = saysMore(reported, current);
  const timed = (fields: Fields, before: Fields | undefined): Fields => {
    const known = before?.['lastHeartbeatTime'];
    return { ...fields, lastHeartbeatTime: isNews || typeof known !== 'string' ? rfc3339(nowMs) : known };
  };
  return {
    ...taken(reported, NODE_FIELDS),
    ...conditionsPatch(reported['conditions'], current['conditions'], NODE_CONDITIONS, timed),
  };
}

function saysMore(reported: Fields, current: Fields): boolean {
  const differ = (a: unknown, b: unknown) => canonicalText(a ?? null) !== canonicalText(b ?? null);
  if (NODE_FIELDS.some((name) => reported[name] !== undefined && differ(reported[name], current[name]))) return true;
  const existing = new Map(asList(current['conditions']).map((condition) => [typeOf(condition), asFields(condition)]));
  return asList(reported['conditions']).some((condition) => {
    const before = existing.get(typeOf(condition));
    return SAID_FIELDS.some((name) => differ(asFields(condition)[name], before?.[name]));
  });
}

/** As upstream's NodeRestriction admission: these of the reserved ones, and any that are not reserved. What we give a meaning is an operator's to say. */
export function ownLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => isOwnLabel(name)));
}

const RESERVED_ALLOWED = [
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
];

export function isOwnLabel(label: string): boolean {
  const slash = label.indexOf('/');
  if (slash < 0 || RESERVED_ALLOWED.includes(label)) return true;
  const domain = label.slice(0, slash);
  const under = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (under('node-restriction.kubernetes.io') || under('skerry.dev')) return false;
  if (under('node.kubernetes.io') || under('kubelet.kubernetes.io')) return true;
  return !under('kubernetes.io') && !under('k8s.io');
}

function taken(reported: Fields, names: readonly string[]): Fields {
  const found = names.flatMap((name) => {
    const value = reported[name];
    if (value === undefined || value === null) return [];
    return [[name, WHOLE_LISTS.includes(name) && Array.isArray(value) ? [...value, { $patch: 'replace' }] : value] as const];
  });
  return Object.fromEntries(found);
}

function conditionsPatch(
  reported: unknown,
  current: unknown,
  owned: readonly string[],
  timed: (fields: Fields, before: Fields | undefined) => Fields = (fields) => fields,
): Fields {
  if (!Array.isArray(reported)) return {};
  const existing = new Map(asList(current).map((condition) => [typeOf(condition), asFields(condition)]));
  const conditions = reported.slice(0, CONDITIONS_MAX).flatMap((condition: unknown) => {
    const type = typeOf(condition);
    if (!owned.includes(type)) return [];
    const fields = timed(asFields(condition), existing.get(type));
    const said = CONDITION_FIELDS.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]] as const);
    const unsaid = CONDITION_FIELDS.filter((name) => fields[name] === undefined && existing.get(type)?.[name] !== undefined);
    return [{ type, ...Object.fromEntries(said), ...Object.fromEntries(unsaid.map((name) => [name, null])) }];
  });
  return conditions.length === 0 ? {} : { conditions };
}

function typeOf(condition: unknown): string {
  const { type } = asFields(condition);
  return typeof type === 'string' ? type : '';
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function asFields(value: unknown): Fields {
  // Just checked to be an object; its fields stay unknown.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}
