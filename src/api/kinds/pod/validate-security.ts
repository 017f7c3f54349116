/** Security contexts of pods and containers: ranges and contradictions. What the engine can enforce is the agent's affair. */
import { forbidden, invalid, required, tooLong, type FieldError } from '../../field-error.ts';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext, Sysctl } from '../../generated/types.ts';
import { userIdProblems } from '../../names.ts';
import { byteLength } from '../../text.ts';
import { at } from '../blank.ts';
import { asGiven, duplicatesOf, invalidFor, NO_ERRORS, oneOfIfSet } from '../check.ts';
import { descending } from './paths.ts';

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const PROFILE_BYTES_MAX = 4095;
const SYSCTL_BYTES_MAX = 253;
const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL = String.raw`^(${SYSCTL_SEGMENT}[\./])*${SYSCTL_SEGMENT}$`;
const NET_SYSCTLS = /^net[./]/;
const IPC_SYSCTLS = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/;

export function validatePodSecurity(spec: PodSpec, path: string): readonly FieldError[] {
  const context = spec.securityContext ?? {};
  const where = `${path}.securityContext`;
  return [
    ...id(`${where}.fsGroup`, context.fsGroup),
    ...id(`${where}.runAsUser`, context.runAsUser),
    ...id(`${where}.runAsGroup`, context.runAsGroup),
    ...(context.supplementalGroups ?? []).flatMap((group, index) => id(at(`${where}.supplementalGroups`, index), group)),
    ...(spec.shareProcessNamespace === true && spec.hostPID === true
      ? [invalid(`${where}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled')]
      : []),
    ...validateSysctls(context.sysctls ?? [], spec, `${where}.sysctls`),
    ...oneOfIfSet(`${where}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...validateSeccomp(context.seccompProfile, `${where}.seccompProfile`),
    ...validateAppArmor(context.appArmorProfile, `${where}.appArmorProfile`),
    ...oneOfIfSet(`${where}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...oneOfIfSet(`${where}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive']),
  ];
}

/** A pod with a user namespace of its own shares no other namespace with the host. */
export function validateHostUsers(spec: PodSpec, path: string): readonly FieldError[] {
  if (spec.hostUsers !== false) return NO_ERRORS;
  const why = 'when `pod.Spec.HostUsers` is false';
  return [
    ...(spec.hostNetwork === true ? [forbidden(`${path}.hostNetwork`, why)] : []),
    ...(spec.hostPID === true ? [forbidden(`${path}.HostPID`, why)] : []),
    ...(spec.hostIPC === true ? [forbidden(`${path}.HostIPC`, why)] : []),
  ];
}

export function validateContainerSecurity(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: string,
): readonly FieldError[] {
  if (context === undefined) return NO_ERRORS;
  const noEscalation = context.allowPrivilegeEscalation === false;
  return [
    ...id(`${path}.runAsUser`, context.runAsUser),
    ...id(`${path}.runAsGroup`, context.runAsGroup),
    ...oneOfIfSet(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']),
    ...(hostUsers && context.procMount === 'Unmasked'
      ? [invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`')]
      : []),
    ...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`),
    ...(noEscalation && context.privileged === true
      ? [invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true')]
      : []),
    ...(noEscalation && context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true
      ? [invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN')]
      : []),
    ...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`),
  ];
}

function id(path: string, value: number | undefined): readonly FieldError[] {
  return value === undefined ? NO_ERRORS : invalidFor(path, value, userIdProblems(value));
}

function validateSysctls(sysctls: readonly Partial<Sysctl>[], spec: PodSpec, path: string): readonly FieldError[] {
  return [
    ...sysctls.flatMap(({ name = '' }, index) => {
      const where = `${at(path, index)}.name`;
      const bad = byteLength(name) > SYSCTL_BYTES_MAX || !new RegExp(SYSCTL).test(name);
      return [
        ...(name === '' ? [required(where)] : []),
        ...(name !== '' && bad
          ? [invalid(where, name, `must have at most ${SYSCTL_BYTES_MAX} characters and match regex ${SYSCTL}`)]
          : []),
        ...(spec.hostNetwork === true && NET_SYSCTLS.test(name)
          ? [invalid(where, name, "may not be specified when 'hostNetwork' is true")]
          : []),
        ...(spec.hostIPC === true && IPC_SYSCTLS.test(name)
          ? [invalid(where, name, "may not be specified when 'hostIPC' is true")]
          : []),
      ];
    }),
    ...duplicatesOf(
      sysctls,
      ({ name }) => name,
      (index) => `${at(path, index)}.name`,
    ),
  ];
}

function validateSeccomp(profile: SeccompProfile | undefined, path: string): readonly FieldError[] {
  if (profile === undefined) return NO_ERRORS;
  const { type = '', localhostProfile } = asGiven(profile);
  const local = `${path}.localhostProfile`;
  const typed =
    type === ''
      ? [required(`${path}.type`, 'type is required when seccompProfile is set')]
      : oneOfIfSet(`${path}.type`, type, PROFILE_TYPES);
  if (type !== 'Localhost') {
    return localhostProfile === undefined
      ? typed
      : [...typed, invalid(local, profile, 'can only be set when seccomp type is Localhost')];
  }
  return localhostProfile === undefined
    ? [...typed, required(local, 'must be set when seccomp type is Localhost')]
    : [...typed, ...descending(local, localhostProfile)];
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): readonly FieldError[] {
  if (profile === undefined) return NO_ERRORS;
  const { type = '', localhostProfile } = asGiven(profile);
  const local = `${path}.localhostProfile`;
  if (type === '') return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (type === 'Localhost') {
    if (localhostProfile === undefined || localhostProfile.trim() === '') {
      return [required(local, 'must be set when AppArmor type is Localhost')];
    }
    return [
      ...(localhostProfile === localhostProfile.trim()
        ? []
        : [invalid(local, localhostProfile, 'must not be padded with whitespace')]),
      ...(byteLength(localhostProfile) > PROFILE_BYTES_MAX ? [tooLong(local, PROFILE_BYTES_MAX)] : []),
    ];
  }
  const known = oneOfIfSet(`${path}.type`, type, PROFILE_TYPES);
  return known === NO_ERRORS && localhostProfile !== undefined
    ? [invalid(local, localhostProfile, 'can only be set when AppArmor type is Localhost')]
    : known;
}
