import { isAbsolute, join, normalize } from 'node:path';
import type { Container } from '#api/generated/types.ts';
import type { Mount } from '../runtime/runtime.ts';
import { configError } from './config-error.ts';
import { expand } from './expand.ts';

/** A container's volumeMounts as binds. The folders and files are made elsewhere (src/agent/volumes). */
export type VolumeSource = { readonly path: string; readonly readOnly: boolean };

const PROPAGATION = { None: 'rprivate', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

export function mountsOf(
  container: Container,
  volumes: ReadonlyMap<string, VolumeSource>,
  environment: ReadonlyMap<string, string>,
): readonly Mount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = volumes.get(mount.name);
    if (volume === undefined) throw configError(`volumeMount "${mount.name}" names no volume of the pod`);
    const subPath = mount.subPathExpr === undefined ? mount.subPath : expandAll(mount.subPathExpr, environment);
    const propagation = PROPAGATION[mount.mountPropagation as keyof typeof PROPAGATION];
    return {
      source: subPath === undefined || subPath === '' ? volume.path : inside(volume.path, subPath),
      target: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: mount.readOnly === true || volume.readOnly,
      ...(propagation === undefined ? {} : { propagation }),
    };
  });
}

/** A subPath stays inside its volume; upstream refuses `..` at admission, and so it is here once more, before it reaches the disk. */
function inside(volume: string, subPath: string): string {
  const path = normalize(subPath);
  if (isAbsolute(path) || path === '..' || path.startsWith('../'))
    throw configError(`subPath ${subPath} leads out of its volume`);
  return join(volume, path);
}

function expandAll(text: string, environment: ReadonlyMap<string, string>): string {
  return expand(text, (name) => {
    if (!environment.has(name)) throw configError(`missing value for "${name}"`);
    return environment.get(name);
  });
}
