import { readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '#net/wire/command.ts';

/**
 * The control group that holds a pod's containers: its name, its weight beside other pods, and its removal, which engines leave to whoever named it.
 * Limits are the containers' own.
 */
export const CGROUP_ROOT = '/sys/fs/cgroup';

export type PodCgroups = {
  /** Docker's: `systemd` or `cgroupfs`. */
  readonly driver: string;
  readonly parent: string;
  readonly run: Command;
  readonly root?: string;
};

/** A path for the cgroupfs driver, a slice for systemd (whose nesting is in the name, so the uid may hold no dash). */
export function podCgroup(driver: string, parent: string, podUid: string): string {
  if (driver === 'systemd') return `${parent.replace(/^\//, '').replaceAll('/', '-')}-pod${podUid.replaceAll('-', '_')}.slice`;
  return `${parent}/pod${podUid}`;
}

/** Best effort: a kernel without the controller weighs all pods alike. With systemd the slice is systemd's to keep, and stays as it made it. */
export async function setPodCpuShares(
  driver: string,
  parent: string,
  podUid: string,
  shares: number,
  root: string = CGROUP_ROOT,
): Promise<void> {
  if (driver === 'systemd') return;
  const path = podCgroup(driver, parent, podUid);
  // As upstream converts shares of version 1 (2…262144) to the weight of version 2 (1…10000).
  const weight = Math.floor(1 + ((shares - 2) * 9999) / 262_142);
  await writeFile(join(root, 'cpu', path, 'cpu.shares'), String(shares)).catch(() => undefined);
  await writeFile(join(root, path, 'cpu.weight'), String(weight)).catch(() => undefined);
}

/**
 * Removes the group, and what dead containers left below it, in every hierarchy. The kernel keeps one that holds a process. A slice is stopped: systemd keeps
 * those that it was asked for, empty ones too, until the next boot.
 */
export async function removePodCgroup(
  { driver, parent, run, root = CGROUP_ROOT }: PodCgroups,
  podUid: string,
  signal: AbortSignal,
): Promise<void> {
  const path = podCgroup(driver, parent, podUid);
  // Best effort, as below: one that is not there is no failure.
  if (driver === 'systemd') return void (await run('systemctl', ['stop', path], '', signal).catch(() => undefined));
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const hierarchies = [root, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))];
  await Promise.all(hierarchies.map((hierarchy) => removeTree(join(hierarchy, path))));
}

async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path).catch(() => undefined);
}
