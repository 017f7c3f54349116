import type { Container, SELinuxOptions } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import type { ContainerSpec, ImageConfig } from '../runtime/runtime.ts';
import { configError } from './config-error.ts';

/** securityContext of pod and container as the engine takes it; the container's own wins, field by field. */
export type Security = Pick<
  ContainerSpec,
  | 'user'
  | 'groups'
  | 'readOnlyRoot'
  | 'privileged'
  | 'capabilitiesAdded'
  | 'capabilitiesDropped'
  | 'securityOptions'
  | 'unmaskedProc'
>;

export function securityOf(item: PodItem, container: Container, image: ImageConfig): Security {
  const pod = item.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const uid = own.runAsUser ?? pod.runAsUser;
  const gid = own.runAsGroup ?? pod.runAsGroup;
  if (own.runAsNonRoot ?? pod.runAsNonRoot) refuseRoot(item, container, uid, image.user);
  // A group alone goes with whatever user the image names.
  const user =
    uid === undefined
      ? gid === undefined
        ? undefined
        : `${image.user.split(':')[0] || '0'}:${gid}`
      : gid === undefined
        ? `${uid}`
        : `${uid}:${gid}`;
  const seccomp = own.seccompProfile ?? pod.seccompProfile;
  const appArmor = own.appArmorProfile ?? pod.appArmorProfile;
  const privileged = own.privileged === true;
  return {
    ...(user === undefined ? {} : { user }),
    groups: [...new Set([...(pod.supplementalGroups ?? []), ...(pod.fsGroup === undefined ? [] : [pod.fsGroup])])].map(String),
    readOnlyRoot: own.readOnlyRootFilesystem === true,
    privileged,
    capabilitiesAdded: own.capabilities?.add ?? [],
    capabilitiesDropped: own.capabilities?.drop ?? [],
    securityOptions: [
      // Upstream's default is no filter at all, unless the pod asks for the runtime's.
      ...(seccomp?.type === 'RuntimeDefault' ? [] : ['seccomp=unconfined']),
      ...(own.allowPrivilegeEscalation === false && !privileged ? ['no-new-privileges'] : []),
      ...(appArmor?.type === 'Unconfined' ? ['apparmor=unconfined'] : []),
      ...(appArmor?.type === 'Localhost' ? [`apparmor=${appArmor.localhostProfile ?? ''}`] : []),
      ...seLinuxOf(own.seLinuxOptions ?? pod.seLinuxOptions),
    ],
    unmaskedProc: own.procMount === 'Unmasked',
  };
}

function refuseRoot(item: PodItem, container: Container, uid: number | undefined, imageUser: string): void {
  const pod = `pod: "${item.metadata.name}_${item.metadata.namespace}(${item.metadata.uid})", container: ${container.name}`;
  if (uid === 0) throw configError(`container's runAsUser breaks non-root policy (${pod})`);
  if (uid !== undefined) return;
  const name = imageUser.split(':')[0] ?? '';
  if (name === '' || name === '0') throw configError(`container has runAsNonRoot and image will run as root (${pod})`);
  if (!/^\d+$/.test(name)) {
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root (${pod})`,
    );
  }
}

function seLinuxOf(options: SELinuxOptions | undefined): readonly string[] {
  return Object.entries(options ?? {}).map(([key, value]) => `label=${key}:${String(value)}`);
}
