/** What of a pod may change once it exists: images, deadlines, added tolerations, removed gates; and what a status may not undo. */
import { semanticEqual } from '../../equal.ts';
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { Container, ContainerStatus, Pod, PodSpec, Toleration } from '../../generated/types.ts';
import { ipProblems, parseIp } from '../../ip.ts';
import { between, dnsSubdomainProblems, IMMUTABLE, qualifiedNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { duplicatesOf, invalidFor, NO_ERRORS } from '../check.ts';
import { differences } from '../differences.ts';
import { omit } from '../../omit.ts';
import { isRestartableInit } from './state.ts';

const INT32_MAX = 2 ** 31 - 1;
const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized'];
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(next: Pod, old: Pod): readonly FieldError[] {
  const [spec, before] = [specOf(next), specOf(old)];
  const containers = validateContainerUpdates(spec.containers, before.containers, 'spec.containers');
  if (containers.stop) return containers.errors;
  const inits = validateContainerUpdates(spec.initContainers ?? [], before.initContainers ?? [], 'spec.initContainers');
  if (inits.stop) return [...containers.errors, ...inits.errors];
  return [
    ...containers.errors,
    ...inits.errors,
    ...validateDeadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds),
    ...validateTolerations(spec.tolerations ?? [], before.tolerations ?? []),
    ...validateGates(spec, before),
    ...validateRest(spec, before),
  ];
}

function specOf(pod: Pod): PodSpec {
  return { ...pod.spec, containers: pod.spec?.containers ?? [] };
}

type Checked = { readonly errors: readonly FieldError[]; readonly stop: boolean };

function validateContainerUpdates(next: readonly Container[], old: readonly Container[], path: string): Checked {
  if (next.length !== old.length)
    return { errors: [forbidden(path, 'pod updates may not add or remove containers')], stop: true };
  const errors = next.flatMap(({ image = '' }, index) => (image === '' ? [required(`${at(path, index)}.image`)] : NO_ERRORS));
  return { errors, stop: false };
}

/** It may be set, and then only come nearer. */
function validateDeadline(next: number | undefined, old: number | undefined): readonly FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (next === undefined) {
    return old === undefined ? NO_ERRORS : [invalid(path, next, 'must not update from a positive integer to nil value')];
  }
  if (next < 0 || next > INT32_MAX) return [invalid(path, next, between(0, INT32_MAX))];
  return old !== undefined && old < next ? [invalid(path, next, 'must be less than or equal to previous value')] : NO_ERRORS;
}

function validateTolerations(next: readonly Toleration[], old: readonly Toleration[]): readonly FieldError[] {
  const same = (a: Toleration, b: Toleration): boolean =>
    semanticEqual(omit(a, 'tolerationSeconds'), omit(b, 'tolerationSeconds'));
  return old.every((before) => next.some((after) => same(before, after)))
    ? NO_ERRORS
    : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function validateGates(next: PodSpec, old: PodSpec): readonly FieldError[] {
  const before = (old.schedulingGates ?? []).map(({ name }) => name);
  return (next.schedulingGates ?? []).flatMap(({ name }, index) =>
    before.includes(name)
      ? NO_ERRORS
      : [
          forbidden(
            `${at('spec.schedulingGates', index)}.name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

/** Everything else must be as it was; a gated pod may still be steered by its node selector and affinity. */
function validateRest(next: PodSpec, old: PodSpec): readonly FieldError[] {
  const gated = (old.schedulingGates ?? []).length > 0;
  const [left, right] = [fixedPart(next, old, gated), fixedPart(old, old, gated)];
  const narrowed = gated ? validateNodeSelectorAdditions(next, old) : NO_ERRORS;
  if (semanticEqual(left, right)) return narrowed;
  const what = differences(right, left, 'spec').join('\n');
  return [...narrowed, forbidden('spec', `pod updates may not change fields other than ${UPDATABLE}\n${what}`)];
}

function fixedPart(next: PodSpec, old: PodSpec, gated: boolean): object {
  const withoutImages = (list: readonly Container[] | undefined): readonly object[] =>
    (list ?? []).map((each) => omit(each, 'image'));
  const relaxed = (old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1;
  return {
    ...omit(
      next,
      'activeDeadlineSeconds',
      'tolerations',
      'schedulingGates',
      ...(gated ? (['nodeSelector', 'affinity'] as const) : []),
    ),
    ...(gated ? { affinity: omit(next.affinity ?? {}, 'nodeAffinity') } : {}),
    containers: withoutImages(next.containers),
    initContainers: withoutImages(next.initContainers),
    terminationGracePeriodSeconds: relaxed ? old.terminationGracePeriodSeconds : next.terminationGracePeriodSeconds,
  };
}

function validateNodeSelectorAdditions(next: PodSpec, old: PodSpec): readonly FieldError[] {
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => next.nodeSelector?.[key] === value);
  return kept
    ? NO_ERRORS
    : [
        invalid(
          'spec.nodeSelector',
          next.nodeSelector,
          'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
      ];
}

export function validatePodStatusUpdate(next: Pod, old: Pod): readonly FieldError[] {
  const { status = {} } = next;
  const policy = old.spec?.restartPolicy ?? 'Always';
  const sidecars = (old.spec?.initContainers ?? []).filter(isRestartableInit).map(({ name }) => name);
  const nominated = status.nominatedNodeName ?? '';
  return [
    ...(status.conditions ?? []).flatMap(({ type = '' }: { readonly type?: string }, index) =>
      SYSTEM_CONDITIONS.includes(type)
        ? NO_ERRORS
        : invalidFor(`${at('metadata.conditions', index)}.Type`, type, qualifiedNameProblems(type)),
    ),
    ...(next.spec?.nodeName === old.spec?.nodeName ? [] : [forbidden('status.nodeName', 'may not be changed directly')]),
    ...(nominated === '' ? [] : invalidFor('status.nominatedNodeName', nominated, dnsSubdomainProblems(nominated))),
    ...(semanticEqual(status.qosClass, old.status?.qosClass) ? [] : [invalid('status.qosClass', status.qosClass, IMMUTABLE)]),
    ...validateTransitions(status.containerStatuses, old.status?.containerStatuses, policy, [], 'status.containerStatuses'),
    ...validateTransitions(
      status.initContainerStatuses,
      old.status?.initContainerStatuses,
      policy,
      sidecars,
      'status.initContainerStatuses',
    ),
    ...validateAddresses(
      (status.podIPs ?? []).map(({ ip }) => ip),
      'status.podIPs',
    ),
    ...validateAddresses(
      (status.hostIPs ?? []).map(({ ip }) => ip),
      'status.hostIPs',
    ),
  ];
}

/** Where nothing restarts, an ended container stays ended. */
function validateTransitions(
  next: readonly ContainerStatus[] | undefined,
  old: readonly ContainerStatus[] | undefined,
  policy: string,
  exempt: readonly string[],
  path: string,
): readonly FieldError[] {
  if (policy === 'Always') return NO_ERRORS;
  return (old ?? []).flatMap(({ name, state }, index) => {
    const ended = state?.terminated;
    if (ended === undefined || (ended.exitCode !== 0 && policy === 'OnFailure') || exempt.includes(name)) return NO_ERRORS;
    return (next ?? [])
      .filter((status) => status.name === name && status.state?.terminated === undefined)
      .map(() => forbidden(`${at(path, index)}.state`, 'may not be transitioned to non-terminated state'));
  });
}

function validateAddresses(addresses: readonly string[], path: string): readonly FieldError[] {
  const families = addresses.map((ip) => parseIp(ip)?.family);
  return [
    ...addresses.flatMap((ip, index) => invalidFor(`${at(path, index)}.ip`, ip, ipProblems(ip))),
    ...(addresses.length > 1 && (addresses.length > 2 || families[0] === families[1])
      ? [
          invalid(
            path,
            addresses.map((ip) => ({ ip })),
            'may specify no more than one IP for each IP family',
          ),
        ]
      : []),
    ...duplicatesOf(
      addresses,
      (ip) => ip,
      (index) => at(path, index),
    ),
  ];
}
