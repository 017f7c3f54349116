import { open, readFile, realpath } from 'node:fs/promises';

/** What is mounted where, as the kernel tells it of a process (proc_pid_mountinfo(5)). */
export type MountEntry = {
  readonly id: string;
  /** Of the file system, `major:minor`. */
  readonly device: string;
  /** Which of its folders or files is mounted; one that was removed ends in `//deleted`. */
  readonly root: string;
  /** Where, as the process sees it. */
  readonly point: string;
};

/** Throws where there is no such process. */
export async function readMounts(pid: number | 'self'): Promise<readonly MountEntry[]> {
  const text = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [id, , device, root, point] = line.split(' ');
    return id === undefined || device === undefined || root === undefined || point === undefined
      ? []
      : [{ id, device, root: unescape(root), point: unescape(point) }];
  });
}

/** A folder as its file system knows it: what a mount of it has as `device` and `root`. */
export async function placeOf(folder: string): Promise<Pick<MountEntry, 'device' | 'root'> | undefined> {
  const path = await realpath(folder);
  const handle = await open(path);
  try {
    // Which of the mounts that cover a path is the one that is seen only the kernel can tell.
    const told = await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8');
    const id = /^mnt_id:\s*(\d+)$/m.exec(told)?.[1];
    const mount = (await readMounts('self')).find((entry) => entry.id === id);
    if (mount === undefined || !isBelow(path, mount.point)) return undefined;
    const below = mount.point === '/' ? path : path.slice(mount.point.length);
    return { device: mount.device, root: mount.root === '/' ? below : `${mount.root}${below}` };
  } finally {
    await handle.close();
  }
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

/** The kernel writes blanks and the like as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
