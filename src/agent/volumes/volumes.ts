import { chmod, chown, mkdir, readFile, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Container, Volume } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import { podLimits } from '#api/kinds/pod/requests.ts';
import { parseQuantity, quantityValue } from '#api/quantity.ts';
import type { Documents } from '../ledger/ledger.ts';
import { configError } from '../render/config-error.ts';
import { hostnameOf } from '../render/container-spec.ts';
import type { PodFacts } from '../render/field-ref.ts';
import type { VolumeSource } from '../render/mounts.ts';
import type { Mount } from '../runtime/runtime.ts';
import type { ObservedContainer } from '../plan/observed.ts';
import { isAdrift } from './adrift.ts';
import { writeAtomicFolder } from './atomic-folder.ts';
import { prepareHostPath } from './host-path.ts';
import { hostsFile } from './hosts-file.ts';
import { placeOf, readMounts } from './mountinfo.ts';
import { filesOf, isSecret } from './projection.ts';
import { HOST_FILES, readHostResolver, type HostFiles } from '../names/host-resolver.ts';
import { clusterNames } from '../plan/items.ts';
import { resolvConf } from './resolv-conf.ts';
import { makeMessageFile, readMessage } from './termination-message.ts';
import type { Tmpfs } from './tmpfs.ts';

/**
 * A pod's folder on the node: its volumes, its hosts, hostname and resolv.conf, its containers' last words. Making it again is harmless and brings it up to
 * date; secrets are only ever in memory. Lays nothing into a container: that is the bind mounts of container-spec.ts.
 */
export type Volumes = {
  readonly prepare: (item: PodItem, documents: Documents, facts: PodFacts) => Promise<void>;
  readonly sources: (item: PodItem) => ReadonlyMap<string, VolumeSource>;
  /** The binds of our own files into a container, its empty termination message made. */
  readonly files: (item: PodItem, container: Container, attempt: number) => Promise<readonly Mount[]>;
  /** Makes folders that subPaths name and that do not exist yet; refuses one that a link leads out of its volume. */
  readonly ensureMounts: (item: PodItem, mounts: readonly Mount[]) => Promise<void>;
  readonly terminationMessage: (podUid: string, container: string, attempt: number) => Promise<string>;
  /** Pod uids that have a folder here. */
  readonly list: () => Promise<readonly string[]>;
  /** Ids of those, of running containers, whose pod's folder is another one by now, or none (adrift.ts). */
  readonly adrift: (containers: readonly Pick<ObservedContainer, 'id' | 'podUid' | 'pid'>[]) => Promise<ReadonlySet<string>>;
  readonly remove: (podUid: string) => Promise<void>;
};

export type VolumesOptions = {
  /** Of the agent; pods are in `pods/` below. */
  readonly dataDir: string;
  readonly tmpfs: Tmpfs;
  readonly nodeHostname: string;
  /** Files of the node that pods' own are made from. */
  readonly resolverFiles?: HostFiles;
  readonly hostsPath?: string;
};

const SECRETS_BYTES_MAX = 64 * 1024 * 1024;
const TERMINATION_PATH_DEFAULT = '/dev/termination-log';

export function createVolumes(options: VolumesOptions): Volumes {
  const { tmpfs, resolverFiles = HOST_FILES, hostsPath = '/etc/hosts' } = options;
  const podsDir = join(options.dataDir, 'pods');
  const podDir = (uid: string) => join(podsDir, safeName(uid));
  const volumePath = (uid: string, volume: Volume) =>
    join(podDir(uid), isSecret(volume) ? 'secrets' : 'volumes', safeName(volume.name));

  const prepareVolume = async (item: PodItem, volume: Volume, documents: Documents, facts: PodFacts): Promise<void> => {
    const gid = item.spec.securityContext?.fsGroup;
    const path = volumePath(item.metadata.uid, volume);
    if (volume.hostPath !== undefined) return prepareHostPath(volume.hostPath.path, volume.hostPath.type ?? '');
    if (volume.emptyDir !== undefined) return prepareEmptyDir(path, volume.emptyDir, gid, tmpfs, memoryFor(item, facts));
    const files = filesOf(item, volume, documents, facts);
    if (files === undefined) return;
    await writeAtomicFolder(path, files, gid);
  };

  const prepare = async (item: PodItem, documents: Documents, facts: PodFacts): Promise<void> => {
    const dir = podDir(item.metadata.uid);
    await mkdir(join(dir, 'etc'), { recursive: true, mode: 0o700 });
    if ((item.spec.volumes ?? []).some(isSecret)) {
      await mkdir(join(dir, 'secrets'), { recursive: true, mode: 0o700 });
      await tmpfs.mount(join(dir, 'secrets'), SECRETS_BYTES_MAX, '0755');
    }
    for (const volume of item.spec.volumes ?? []) {
      await prepareVolume(item, volume, documents, facts).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw configError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`);
      });
    }
    const hostNetwork = item.spec.hostNetwork === true;
    const resolver = await readHostResolver(resolverFiles);
    const { clusterDomain } = clusterNames(documents);
    const nodeHosts = hostNetwork ? await readFile(hostsPath, 'utf8').catch(() => '') : '';
    await writeInPlace(join(dir, 'etc', 'hosts'), hostsFile(item, facts.address, nodeHosts, clusterDomain));
    await writeInPlace(join(dir, 'etc', 'hostname'), `${hostNetwork ? options.nodeHostname : hostnameOf(item, clusterDomain)}\n`);
    await writeInPlace(join(dir, 'etc', 'resolv.conf'), resolvConf(item, resolver, clusterDomain));
  };

  const messagesDir = (uid: string, container: string) => join(podDir(uid), 'messages', safeName(container));

  return {
    prepare,
    sources: (item) =>
      new Map(
        (item.spec.volumes ?? []).map((volume) => [
          volume.name,
          volume.hostPath === undefined
            ? { path: volumePath(item.metadata.uid, volume), readOnly: volume.emptyDir === undefined }
            : { path: volume.hostPath.path, readOnly: false },
        ]),
      ),
    files: async (item, container, attempt) => {
      const { uid } = item.metadata;
      const message = await makeMessageFile(messagesDir(uid, container.name), attempt);
      const etc = (name: string): Mount => ({ source: join(podDir(uid), 'etc', name), target: `/etc/${name}`, readOnly: false });
      const path = container.terminationMessagePath ?? TERMINATION_PATH_DEFAULT;
      const last: readonly Mount[] = path === '' ? [] : [{ source: message, target: path, readOnly: false }];
      return [etc('hosts'), etc('hostname'), etc('resolv.conf'), ...last];
    },
    ensureMounts: async (item, mounts) => {
      const roots = [...(item.spec.volumes ?? [])].map(
        (volume) => volume.hostPath?.path ?? volumePath(item.metadata.uid, volume),
      );
      for (const { source } of mounts) {
        const root = roots.find((path) => source.startsWith(`${path}/`));
        if (root !== undefined) await ensureSubPath(root, source);
      }
    },
    terminationMessage: (uid, container, attempt) => readMessage(join(messagesDir(uid, container), String(attempt))),
    list: () => readdir(podsDir).catch(() => []),
    adrift: async (containers) => {
      const found = new Set<string>();
      // Gone itself: nothing can be made anew there.
      const folder = await placeOf(options.dataDir).catch(() => undefined);
      if (folder === undefined) return found;
      for (const { id, podUid, pid } of containers) {
        // It may have ended meanwhile.
        const its = pid <= 0 ? [] : await readMounts(pid).catch(() => []);
        if (isAdrift(its, folder, podUid)) found.add(id);
      }
      return found;
    },
    remove: async (uid) => {
      await tmpfs.unmountAll(podDir(uid));
      await rm(podDir(uid), { recursive: true, force: true });
    },
  };
}

/** What a volume in memory may hold at most: what its pod may use, or all pods (upstream: SizeMemoryBackedVolumes). */
function memoryFor(item: PodItem, { allocatable }: PodFacts): number {
  return Math.min(podLimits(item)['memory'] || Infinity, allocatable.memoryBytes);
}

async function prepareEmptyDir(
  path: string,
  { medium, sizeLimit }: NonNullable<Volume['emptyDir']>,
  gid: number | undefined,
  tmpfs: Tmpfs,
  memoryBytesMax: number,
): Promise<void> {
  const isNew = (await stat(path).catch(() => undefined)) === undefined;
  if (isNew) await mkdir(path, { recursive: true });
  if (medium === 'Memory') {
    const limit = sizeLimit === undefined ? 0 : quantityValue(parseQuantity(sizeLimit));
    await tmpfs.mount(path, limit === 0 ? memoryBytesMax : Math.min(limit, memoryBytesMax), '0777');
  }
  if (!isNew && medium !== 'Memory') return;
  if (gid !== undefined) await chown(path, 0, gid);
  await chmod(path, gid === undefined ? 0o777 : 0o2777);
}

async function ensureSubPath(root: string, source: string): Promise<void> {
  if ((await stat(source).catch(() => undefined)) === undefined) await mkdir(source, { recursive: true, mode: 0o750 });
  const [realRoot, real] = [await realpath(root), await realpath(source)];
  if (real !== realRoot && !real.startsWith(realRoot + sep)) throw configError(`subPath ${source} leads out of its volume`);
}

/** The same file, for it is bind-mounted into containers that run; untouched where nothing changed. */
async function writeInPlace(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await writeFile(path, text);
  // For containers of any user, whatever the umask says.
  await chmod(path, 0o644);
}

/** Names of pods and volumes are checked by the API; one from elsewhere must not lead out of its folder either. */
function safeName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw configError(`${JSON.stringify(name)} is not a valid name`);
  return name;
}
