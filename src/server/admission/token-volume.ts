import type { Container, Pod, ServiceAccount, Volume } from '#api/generated/types.ts';

/**
 * The volume by which a pod reaches the API: its account's token, the cluster's certificate and its namespace, where every client library looks for them
 * (plugin/pkg/admission/serviceaccount). Pure. Whoever mounts something else there, or asks for none, gets none.
 */
type PodSpec = NonNullable<Pod['spec']>;

const NAME_PREFIX = 'kube-api-access-';
const NAME_CHARACTERS = 5;
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** As upstream asks for: what a node gets lives longer. */
const TOKEN_SECONDS = 3_607;
const FILE_MODE = 0o644;

/** `suffix` gives so many random characters. */
export function withTokenVolume(spec: PodSpec, account: ServiceAccount | undefined, suffix: (length: number) => string): PodSpec {
  const isWanted = spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
  const needsIt = ({ volumeMounts = [] }: Container) => !volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH);
  if (!isWanted || ![...(spec.initContainers ?? []), ...spec.containers].some(needsIt)) return spec;
  const volumes = spec.volumes ?? [];
  const there = volumes.find(({ name }) => name.startsWith(NAME_PREFIX))?.name;
  const name = there ?? `${NAME_PREFIX}${suffix(NAME_CHARACTERS)}`;
  const mounted = (container: Container): Container =>
    needsIt(container)
      ? { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }] }
      : container;
  return {
    ...spec,
    ...(there === undefined ? { volumes: [...volumes, tokenVolume(name)] } : {}),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(mounted) }),
    containers: spec.containers.map(mounted),
  };
}

/** As the pod would be without: for a node that can not do it, and never could. What the pod itself asks for stays. */
export function withoutTokenVolume(spec: PodSpec): PodSpec {
  const names = new Set((spec.volumes ?? []).filter(isTokenVolume).map(({ name }) => name));
  if (names.size === 0) return spec;
  const bare = ({ volumeMounts, ...rest }: Container): Container => {
    const left = (volumeMounts ?? []).filter(({ name }) => !names.has(name));
    return { ...rest, ...(left.length === 0 ? {} : { volumeMounts: left }) };
  };
  const { volumes = [], ...rest } = spec;
  const left = volumes.filter(({ name }) => !names.has(name));
  return {
    ...rest,
    ...(left.length === 0 ? {} : { volumes: left }),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(bare) }),
    containers: spec.containers.map(bare),
  };
}

function isTokenVolume({ name, projected }: Volume): boolean {
  return name.startsWith(NAME_PREFIX) && projected?.sources?.some((source) => source.serviceAccountToken !== undefined) === true;
}

function tokenVolume(name: string): Volume {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } },
      ],
      defaultMode: FILE_MODE,
    },
  };
}
