import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** Control groups that a lab leaves behind, in every hierarchy, of cgroup v1 and v2; the kernel's own files in them go with the folder. */
const ROOT = '/sys/fs/cgroup';
/** Where the agent puts its pods, in the lab as on any machine. */
const PODS = 'skerry';

/** Removes the lab's own groups, deepest first. */
export function removeCgroups(group: string): void {
  for (const root of hierarchies()) removeGroup(root + group);
}

/** Removes the groups of all pods that a host's disk tells of. Their uids name them, so that nobody else's are touched. */
export function removePodCgroups(disk: string): void {
  const told = filesWithUids(disk)
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');
  for (const root of hierarchies()) {
    const all = join(root, PODS);
    for (const name of foldersIn(all)) if (told.includes(name.replace('pod', ''))) removeGroup(join(all, name));
    if (existsSync(all) && foldersIn(all).length === 0) removeGroup(all);
  }
}

/** What the engine wrote of its containers, and the agent of its pods. */
function filesWithUids(disk: string): readonly string[] {
  const containers = join(disk, 'docker', 'containers');
  const agent = join(disk, 'skerry', 'agent');
  return [
    ...foldersIn(containers).map((id) => join(containers, id, 'hostconfig.json')),
    ...(existsSync(agent) ? readdirSync(agent) : [])
      .filter((name) => name.startsWith('ledger.db'))
      .map((name) => join(agent, name)),
  ].filter((file) => existsSync(file));
}

function hierarchies(): readonly string[] {
  return [ROOT, ...foldersIn(ROOT).map((name) => join(ROOT, name))];
}

function foldersIn(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const name of foldersIn(path)) removeGroup(join(path, name));
  try {
    // Not rmSync: a cgroup's files can not be unlinked, only the folder itself.
    rmdirSync(path);
  } catch (error) {
    console.error(`cgroup ${path} is still in use: ${String(error)}`);
  }
}
