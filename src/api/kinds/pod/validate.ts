/**
 * Pods and pod templates: the checks that keep nonsense out of the cluster, in the order and words of pkg/apis/core/validation. Left
 * out: volume sources of clouds, Windows, and annotations that fields replaced long ago.
 */
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { Pod, PodResourceClaim, PodSchedulingGate, PodSpec, PodTemplateSpec } from '../../generated/types.ts';
import { between, dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from '../../names.ts';
import { at, isBlank, keyed } from '../blank.ts';
import { duplicatesOf, invalidFor, labelName, NO_ERRORS, oneOf, oneOfIfSet } from '../check.ts';
import { validateAnnotations, validateLabels } from '../meta.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './validate-containers.ts';
import { validateDnsConfig, validateHostAliases } from './validate-dns.ts';
import { validateAffinity, validateSpread, validateTolerations } from './validate-placement.ts';
import { validateResources } from './validate-resources.ts';
import { validateHostUsers, validatePodSecurity } from './validate-security.ts';
import { validateVolumes } from './validate-volumes.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
const INT32_MAX = 2 ** 31 - 1;

export function validatePod(pod: Pod): readonly FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  return [
    ...validatePodAnnotations(pod.metadata.annotations, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', pod.metadata.name ?? ''),
    ...tokensWithoutAccount(spec),
    ...((spec.ephemeralContainers ?? []).length > 0 ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')] : []),
    ...(!isBlank(spec.nodeName) && (spec.schedulingGates ?? []).length > 0
      ? [forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared')]
      : []),
  ];
}

export function validatePodTemplate(template: PodTemplateSpec, path: string): readonly FieldError[] {
  const { metadata = {}, spec = { containers: [] } } = template;
  return [
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...validatePodAnnotations(metadata.annotations, spec, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`, undefined),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

/** `podName` is undefined for a template. */
function validatePodSpec(spec: PodSpec, path: string, podName: string | undefined): readonly FieldError[] {
  const { volumes, errors: volumeErrors } = validateVolumes(spec.volumes, podName, `${path}.volumes`);
  const claims = spec.resourceClaims ?? [];
  const around = { volumes, spec, isPod: podName !== undefined, claimNames: new Set(claims.map(({ name }) => name)) };
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : []),
    ...volumeErrors,
    ...validateClaims(claims, `${path}.resourceClaims`),
    ...validateContainers(around, `${path}.containers`),
    ...validateInitContainers(around, `${path}.initContainers`),
    ...validateEphemeralContainers(around, `${path}.ephemeralContainers`),
    ...(spec.resources === undefined ? [] : validateResources(spec.resources, around.claimNames, `${path}.resources`)),
    ...validateHostPorts(spec, podName !== undefined, `${path}.containers`),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDnsConfig(spec.dnsConfig, spec.dnsPolicy, `${path}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType = '' }: { readonly conditionType?: string }, index) =>
      invalidFor(`${at(`${path}.readinessGates`, index)}.conditionType`, conditionType, qualifiedNameProblems(conditionType)),
    ),
    ...validateGates(spec.schedulingGates ?? [], `${path}.schedulingGates`),
    ...validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
    ...validateHostUsers(spec, path),
    ...validateNames(spec, path),
    ...validateDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`),
    ...validateTolerations(spec.tolerations, `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases, `${path}.hostAliases`),
    ...oneOfIfSet(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    ...(spec.overhead === undefined ? [] : validateResources({ limits: spec.overhead }, new Set(), `${path}.overhead`)),
    ...(spec.os === undefined ? [] : validateOs(spec.os, `${path}.os`)),
  ];
}

function validatePodAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: PodSpec,
  path: string,
): readonly FieldError[] {
  const mirror = annotations?.[MIRROR_ANNOTATION];
  const cost = annotations?.[DELETION_COST_ANNOTATION];
  const costs = cost === undefined || (/^(0|-?[1-9]\d*|\+?[1-9]\d*)$/.test(cost) && Math.abs(Number(cost)) <= INT32_MAX);
  return [
    ...(mirror !== undefined && isBlank(spec.nodeName)
      ? [invalid(keyed(path, MIRROR_ANNOTATION), mirror, 'must set spec.nodeName if mirror pod annotation is set')]
      : []),
    ...(costs ? [] : [invalid(keyed(path, DELETION_COST_ANNOTATION), cost, 'must be a 32bit integer')]),
  ];
}

/** A token is somebody's: only a pod with a service account can have one. */
function tokensWithoutAccount(spec: PodSpec): readonly FieldError[] {
  if (!isBlank(spec.serviceAccountName)) return NO_ERRORS;
  return (spec.volumes ?? []).flatMap(({ projected }, volume) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, source) => {
      const path = `${at(`${at('spec.volumes', volume)}.projected.sources`, source)}.serviceAccountToken`;
      return serviceAccountToken === undefined
        ? NO_ERRORS
        : [forbidden(path, 'must not be specified when serviceAccountName is not set')];
    }),
  );
}

function validateClaims(claims: readonly PodResourceClaim[], path: string): readonly FieldError[] {
  return [
    ...claims.flatMap((claim, index) => {
      const where = at(path, index);
      const given = [claim.resourceClaimName, claim.resourceClaimTemplateName].filter((name) => name !== undefined).length;
      return [
        ...labelName(`${where}.name`, claim.name),
        ...(given === 0
          ? [invalid(where, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`')]
          : given > 1
            ? [invalid(where, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified')]
            : []),
      ];
    }),
    ...duplicatesOf(
      claims,
      ({ name }) => name,
      (index) => `${at(path, index)}.name`,
    ),
  ];
}

/** On the host's network there is no other port to map to. */
function validateHostPorts(spec: PodSpec, isPod: boolean, path: string): readonly FieldError[] {
  if (spec.hostNetwork !== true) return NO_ERRORS;
  return spec.containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort = 0, containerPort }, index) =>
      (isPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalid(
              `${at(`${at(path, container)}.ports`, index)}.hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : NO_ERRORS,
    ),
  );
}

function validateGates(gates: readonly PodSchedulingGate[], path: string): readonly FieldError[] {
  return [
    ...gates.flatMap(({ name = '' }: Partial<PodSchedulingGate>, index) =>
      invalidFor(at(path, index), name, qualifiedNameProblems(name)),
    ),
    ...duplicatesOf(
      gates,
      ({ name }) => name,
      (index) => at(path, index),
    ),
  ];
}

function validateNames(spec: PodSpec, path: string): readonly FieldError[] {
  const subdomains = ['serviceAccountName', 'nodeName'] as const;
  const labels = ['hostname', 'subdomain'] as const;
  const classes = ['priorityClassName', 'runtimeClassName'] as const;
  const check = (field: keyof PodSpec, problemsOf: (name: string) => readonly string[]): readonly FieldError[] => {
    const name = spec[field];
    return typeof name === 'string' && name !== '' ? invalidFor(`${path}.${field}`, name, problemsOf(name)) : NO_ERRORS;
  };
  return [
    ...subdomains.flatMap((field) => check(field, dnsSubdomainProblems)),
    ...labels.flatMap((field) => check(field, dnsLabelProblems)),
    ...classes.flatMap((field) => check(field, dnsSubdomainProblems)),
  ];
}

function validateDeadline(seconds: number | undefined, path: string): readonly FieldError[] {
  if (seconds === undefined || (seconds >= 1 && seconds <= INT32_MAX)) return NO_ERRORS;
  return [invalid(path, seconds, between(1, INT32_MAX))];
}

function validateOs({ name = '' }: { readonly name?: string }, path: string): readonly FieldError[] {
  return name === '' ? [required(`${path}.name`, 'cannot be empty')] : oneOfIfSet(path, name, ['linux', 'windows']);
}
