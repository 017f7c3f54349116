import { readdir, readFile } from 'node:fs/promises';

/**
 * Ends a command that an engine runs in a container, with all that it has started: an engine has no call for that. The pid is the engine's word, and the engine may live in a
 * pid namespace below ours, so a process counts as meant only if it stands in the container's control group and has that pid in a namespace above the container's.
 */
export async function killExec(pid: number, containerId: string, proc = '/proc'): Promise<void> {
  if (pid <= 1) return;
  const processes = await readProcesses(proc, containerId);
  const root = processes.find(({ outer }) => outer.includes(pid));
  if (root === undefined) return;
  const doomed = new Set([root.pid]);
  for (let before = 0; before !== doomed.size;) {
    before = doomed.size;
    for (const { pid: child, parent } of processes) if (doomed.has(parent)) doomed.add(child);
  }
  for (const one of doomed) kill(one);
}

type Process = {
  readonly pid: number;
  readonly parent: number;
  /** In our pid namespace, and in each one further in but the innermost: there the container counts its own. */
  readonly outer: readonly number[];
};

/** Those of one container. */
async function readProcesses(proc: string, containerId: string): Promise<readonly Process[]> {
  const found: Process[] = [];
  for (const name of await readdir(proc)) {
    if (!/^\d+$/.test(name)) continue;
    const groups = await readQuietly(`${proc}/${name}/cgroup`);
    if (!groups.includes(containerId)) continue;
    const status = await readQuietly(`${proc}/${name}/status`);
    const pids = (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? name).split(/\s+/).map(Number);
    const outer = pids.length === 1 ? pids : pids.slice(0, -1);
    found.push({ pid: Number(name), parent: Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0), outer });
  }
  return found;
}

/** A process may end while it is looked at. */
async function readQuietly(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
    return;
  }
}
