import { globSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { run } from '../../scripts/lab/exec.ts';

/** What is still on the machine of a lab with this id: namespaces, links, mounts, processes, control groups, files. */
export async function leftoversOf(id: string): Promise<readonly string[]> {
  const mark = `skerry-lab-${id}`;
  const lines = (text: string, word: string) => text.split('\n').filter((line) => line.includes(word));
  return [
    ...lines(await run('ip', ['netns', 'list']), `sk${id}`),
    ...lines(await run('ip', ['-o', 'link']), `sk${id}-`),
    ...lines(readFileSync('/proc/mounts', 'utf8'), mark),
    ...lines(await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', `${mark}*`]), mark),
    ...readdirSync('/var/tmp')
      .filter((name) => name.startsWith(mark))
      .map((name) => `/var/tmp/${name}`),
    ...processes(mark),
  ];
}

/** Those that were started for it, run in its folders, or belong to its control groups. */
function processes(mark: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const told = [
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '),
          readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
          readlinkSync(`/proc/${pid}/cwd`),
        ];
        return told.some((text) => text.includes(mark)) ? [`process ${pid}: ${told[0]}`] : [];
      } catch {
        // It ended while it was looked at.
        return [];
      }
    });
}

/** Names of the control groups of the pods that a lab runs now: `pod<uid>`. They carry no lab's id, so this is asked before it is removed. */
export function podGroupsOf(id: string): readonly string[] {
  const names = globSync(`/var/tmp/skerry-lab-${id}-*/*/docker/containers/*/hostconfig.json`).flatMap((file) => {
    try {
      // As the engine writes it.
      const { CgroupParent } = JSON.parse(readFileSync(file, 'utf8')) as { readonly CgroupParent?: string };
      return CgroupParent === undefined ? [] : [basename(CgroupParent)];
    } catch {
      // Gone meanwhile.
      return [];
    }
  });
  return [...new Set(names)];
}

export function presentGroups(names: readonly string[]): readonly string[] {
  return globSync('/sys/fs/cgroup/{*/,}skerry/pod*').filter((path) => names.includes(basename(path)));
}
