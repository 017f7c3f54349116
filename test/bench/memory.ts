import { readFileSync } from 'node:fs';

/** Resident memory of a process in MB, and the part that is its own (anonymous), from /proc/<pid>/status. */
export function memoryOf(pid: number): { readonly rssMb: number; readonly privateMb: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string) =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024);
  return { rssMb: mb('VmRSS'), privateMb: mb('RssAnon') };
}

/** The process of a lab host whose command line holds every one of these words, as this machine numbers it. */
export function findPid(words: readonly string[], pids: readonly number[]): number {
  const found = pids.find((pid) => {
    const line = commandLine(pid);
    return /^\S*(node|skerry\S*) /.test(line) && words.every((word) => line.includes(word));
  });
  if (found === undefined) throw new Error(`no process with ${words.join(' ')}`);
  return found;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // Gone since the list was made.
    return '';
  }
}
