import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The control group that holds a pod's containers: its name, and its removal, which engines leave to whoever named it. Limits are the
 * containers' own.
 */
export const CGROUP_ROOT = '/sys/fs/cgroup';

/** A path for the cgroupfs driver, a slice for systemd (whose nesting is in the name, so the uid may hold no dash). */
export function podCgroup(driver: string, parent: string, podUid: string): string {
  if (driver === 'systemd') return `${parent.replace(/^\//, '').replaceAll('/', '-')}-pod${podUid.replaceAll('-', '_')}.slice`;
  return `${parent}/pod${podUid}`;
}

/** Removes the group, and what dead containers left below it, in every hierarchy. The kernel keeps one that holds a process. */
export async function removePodCgroup(driver: string, parent: string, podUid: string, root: string = CGROUP_ROOT): Promise<void> {
  if (driver === 'systemd') return;
  const path = podCgroup(driver, parent, podUid);
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const hierarchies = [root, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))];
  await Promise.all(hierarchies.map((hierarchy) => removeTree(join(hierarchy, path))));
}

async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path).catch(() => undefined);
}
