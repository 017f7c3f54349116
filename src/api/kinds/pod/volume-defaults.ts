/** Defaults of a pod's volumes; a volume that names no source is an emptyDir, as upstream. */
import type { DownwardAPIVolumeFile, Volume, VolumeProjection } from '../../generated/types.ts';
import { isBlank } from '../blank.ts';

const FILE_MODE = 0o644;
const TOKEN_SECONDS = 3600;

export function defaultVolume(volume: Volume): Volume {
  const { configMap, secret, projected, downwardAPI, hostPath, ephemeral } = volume;
  return {
    ...volume,
    ...(hasSource(volume) ? {} : { emptyDir: {} }),
    ...(configMap === undefined ? {} : { configMap: { ...configMap, defaultMode: configMap.defaultMode ?? FILE_MODE } }),
    ...(secret === undefined ? {} : { secret: { ...secret, defaultMode: secret.defaultMode ?? FILE_MODE } }),
    ...(hostPath === undefined ? {} : { hostPath: { ...hostPath, type: hostPath.type ?? '' } }),
    ...(downwardAPI === undefined
      ? {}
      : { downwardAPI: { ...defaultItems(downwardAPI), defaultMode: downwardAPI.defaultMode ?? FILE_MODE } }),
    ...(projected === undefined
      ? {}
      : {
          projected: {
            ...projected,
            ...(projected.sources === undefined ? {} : { sources: projected.sources.map(defaultProjection) }),
            defaultMode: projected.defaultMode ?? FILE_MODE,
          },
        }),
    ...(ephemeral?.volumeClaimTemplate === undefined
      ? {}
      : {
          ephemeral: {
            volumeClaimTemplate: {
              ...ephemeral.volumeClaimTemplate,
              spec: {
                ...ephemeral.volumeClaimTemplate.spec,
                volumeMode: ephemeral.volumeClaimTemplate.spec?.volumeMode ?? 'Filesystem',
              },
            },
          },
        }),
  };
}

function hasSource(volume: Volume): boolean {
  return Object.entries(volume).some(([field, source]) => field !== 'name' && source !== undefined);
}

function defaultProjection(projection: VolumeProjection): VolumeProjection {
  const { serviceAccountToken, downwardAPI } = projection;
  return {
    ...projection,
    ...(downwardAPI === undefined ? {} : { downwardAPI: defaultItems(downwardAPI) }),
    ...(serviceAccountToken === undefined
      ? {}
      : {
          serviceAccountToken: {
            ...serviceAccountToken,
            expirationSeconds: serviceAccountToken.expirationSeconds ?? TOKEN_SECONDS,
          },
        }),
  };
}

function defaultItems<T extends { readonly items?: readonly DownwardAPIVolumeFile[] }>(source: T): T {
  return source.items === undefined ? source : { ...source, items: source.items.map(defaultReferences) };
}

/** Of an environment variable or a file; upstream has a divisor always, by its type. */
export function defaultReferences<T extends Pick<DownwardAPIVolumeFile, 'fieldRef' | 'resourceFieldRef'>>(source: T): T {
  const { fieldRef, resourceFieldRef } = source;
  return {
    ...source,
    ...(isBlank(fieldRef?.apiVersion) && fieldRef !== undefined ? { fieldRef: { ...fieldRef, apiVersion: 'v1' } } : {}),
    ...(resourceFieldRef === undefined
      ? {}
      : { resourceFieldRef: { ...resourceFieldRef, divisor: resourceFieldRef.divisor ?? '0' } }),
  };
}
