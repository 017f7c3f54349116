import type { MountEntry } from './mountinfo.ts';

/**
 * Whether a running container has its pod's folder no more: what it was given of it is not what stands there now, as the node's data was removed, moved or
 * mounted over under it. Only volumes on the disk and the pod's own files tell: a subPath may name what a newer version of its volume has replaced. Pure.
 *
 * `agentFolder`: where the folder of pods is now.
 */
export function isAdrift(
  mounts: readonly Pick<MountEntry, 'device' | 'root'>[],
  agentFolder: Pick<MountEntry, 'device' | 'root'>,
  podUid: string,
): boolean {
  const standing = `${agentFolder.root === '/' ? '' : agentFolder.root}/pods/${podUid}/`;
  return mounts.some(({ device, root }) => {
    const at = root.lastIndexOf(`/${podUid}/`) + podUid.length + 2;
    if (at < podUid.length + 2 || !OF_A_POD.test(root.slice(at))) return false;
    return device !== agentFolder.device || root.slice(0, at) !== standing || root.endsWith(REMOVED);
  });
}

const REMOVED = '//deleted';
const OF_A_POD = /^(etc|volumes)\/[^/]+(\/\/deleted)?$/;
