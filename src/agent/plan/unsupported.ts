import type { Container, Volume } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import { canHostIp } from '../host-ports.ts';
import type { PodEvent } from './action.ts';

/**
 * What a pod asks for that this release cannot do. The lists name what IS done (or belongs to someone else, like scheduling); any other field that is set is
 * refused with its path, so that a field of a later API is never ignored. What a pod can do without (toleratedEvents) is told of, and the pod runs.
 */
const POD = words(
  'activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks ' +
    'ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride ' +
    'imagePullSecrets initContainers nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName ' +
    'readinessGates restartPolicy schedulerName schedulingGates securityContext serviceAccount serviceAccountName ' +
    'setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations ' +
    'topologySpreadConstraints volumes',
);

const CONTAINER = words(
  'args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy ' +
    'resources restartPolicy restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath ' +
    'terminationMessagePolicy tty volumeMounts workingDir',
);

const POD_SECURITY = words(
  'appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy ' +
    'seLinuxOptions seccompProfile supplementalGroups sysctls',
);

const SECURITY = words(
  'allowPrivilegeEscalation appArmorProfile capabilities privileged procMount readOnlyRootFilesystem runAsGroup ' +
    'runAsNonRoot runAsUser seLinuxOptions seccompProfile',
);

const VOLUME: ReadonlySet<string> = new Set(['name', 'emptyDir', 'hostPath', 'configMap', 'secret', 'downwardAPI', 'projected']);
const PROJECTED: ReadonlySet<string> = new Set(['configMap', 'secret', 'downwardAPI', 'serviceAccountToken']);
const MOUNT: ReadonlySet<string> = new Set([
  'name',
  'mountPath',
  'readOnly',
  'subPath',
  'subPathExpr',
  'mountPropagation',
  'recursiveReadOnly',
]);
const ENV_SOURCE: ReadonlySet<string> = new Set(['configMapKeyRef', 'secretKeyRef', 'fieldRef', 'resourceFieldRef']);
const RESOURCES: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Abilities that items may name (PodItem.features) and this release has. */
const FEATURES: ReadonlySet<string> = new Set();

/** Paths of what is refused, with the reason; empty if all can be done. */
export function unsupportedFields(item: PodItem): readonly string[] {
  const { spec } = item;
  return [
    ...(item.features ?? []).filter((feature) => !FEATURES.has(feature)).map((feature) => `feature ${feature}`),
    ...unknown('spec', spec, POD),
    ...(spec.hostUsers === false ? ['spec.hostUsers=false'] : []),
    ...(spec.os !== undefined && spec.os.name !== 'linux' ? [`spec.os.name=${spec.os.name}`] : []),
    ...unknown('spec.securityContext', spec.securityContext, POD_SECURITY),
    ...localProfile('spec.securityContext', spec.securityContext),
    ...(spec.volumes ?? []).flatMap((volume, index) => volumeProblems(`spec.volumes[${index}]`, volume)),
    ...(spec.initContainers ?? []).flatMap((container, index) => containerProblems(`spec.initContainers[${index}]`, container)),
    ...spec.containers.flatMap((container, index) => containerProblems(`spec.containers[${index}]`, container)),
  ];
}

/** What the pod runs without, told once. */
export function toleratedEvents(item: PodItem): readonly PodEvent[] {
  const all = [...(item.spec.initContainers ?? []), ...item.spec.containers];
  return [
    ...all
      .filter(({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined)
      .map(({ name }) => tolerated('the limit of ephemeral-storage is not enforced', `${name}/ephemeral-storage`, name)),
    ...(item.spec.volumes ?? [])
      .filter(({ emptyDir }) => emptyDir?.medium !== 'Memory' && (emptyDir?.sizeLimit ?? '0') !== '0')
      .map(({ name }) => tolerated(`the sizeLimit of volume "${name}" is not enforced`, `volume/${name}`)),
    ...((item.spec.ephemeralContainers ?? []).length === 0
      ? []
      : [tolerated('ephemeralContainers are not run', 'ephemeralContainers')]),
  ];
}

function tolerated(what: string, once: string, container?: string): PodEvent {
  return {
    type: 'Warning',
    reason: 'Unsupported',
    message: `${what} by this release`,
    ...(container === undefined ? {} : { container }),
    once: `unsupported/${once}`,
  };
}

function containerProblems(path: string, container: Container): readonly string[] {
  const { lifecycle, ports, resources, restartPolicyRules, securityContext } = container;
  const asked = [...Object.keys(resources?.limits ?? {}), ...Object.keys(resources?.requests ?? {})];
  return [
    ...unknown(path, container, CONTAINER),
    ...unknown(`${path}.lifecycle`, lifecycle, new Set(['stopSignal'])),
    ...unknown(`${path}.securityContext`, securityContext, SECURITY),
    ...localProfile(`${path}.securityContext`, securityContext),
    ...(restartPolicyRules ?? [])
      .filter((rule) => rule.action !== 'Restart')
      .map((rule) => `${path}.restartPolicyRules.${rule.action}`),
    ...(ports ?? [])
      .filter(({ hostPort, hostIP }) => hostPort !== undefined && !canHostIp(hostIP))
      .map(({ hostIP }) => `${path}.ports hostIP ${JSON.stringify(hostIP)}`),
    ...(resources?.claims === undefined || resources.claims.length === 0 ? [] : [`${path}.resources.claims`]),
    ...[...new Set(asked)].filter((name) => !RESOURCES.has(name)).map((name) => `${path}.resources ${name}`),
    ...(container.env ?? []).flatMap((entry) => unknown(`${path}.env ${entry.name}`, entry.valueFrom, ENV_SOURCE)),
    ...(container.volumeMounts ?? []).flatMap((mount) => [
      ...unknown(`${path}.volumeMounts ${mount.name}`, mount, MOUNT),
      ...(mount.recursiveReadOnly === 'Enabled' ? [`${path}.volumeMounts ${mount.name}.recursiveReadOnly`] : []),
    ]),
  ];
}

function volumeProblems(path: string, volume: Volume): readonly string[] {
  return [
    ...unknown(path, volume, VOLUME),
    ...(volume.emptyDir?.medium?.startsWith('HugePages') === true ? [`${path}.emptyDir.medium`] : []),
    ...(volume.projected?.sources ?? []).flatMap((source) => unknown(`${path}.projected`, source, PROJECTED)),
  ];
}

function localProfile(
  path: string,
  context: { readonly seccompProfile?: { readonly type: string } } | undefined,
): readonly string[] {
  return context?.seccompProfile?.type === 'Localhost' ? [`${path}.seccompProfile.type=Localhost`] : [];
}

/** Fields that are set and not in the list; what holds nothing asks for nothing. */
function unknown(path: string, object: object | undefined, known: ReadonlySet<string>): readonly string[] {
  return Object.entries(object ?? {})
    .filter(([name, value]) => !known.has(name) && !isEmpty(value))
    .map(([name]) => `${path}.${name}`);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
