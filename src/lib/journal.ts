import { fstatSync } from 'node:fs';

/** How lines are written to systemd's journal: sd-daemon(3) for the priority, systemd.exec(5) for $JOURNAL_STREAM. */

/** Whether this stream is the one that systemd connected to the journal: `stream` is `<device>:<inode>` in decimals. */
export function isJournal(stream: string | undefined, descriptor: number): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

const PRIORITIES: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 };
const NOTICE = 5;

/** The line with its priority before it, which journald takes away: what `journalctl -o cat` shows is the line as it was. */
export function withPriority(line: string): string {
  const [, level = ''] = /^\{"level":"([a-z]+)"/.exec(line) ?? [];
  return `<${PRIORITIES[level] ?? NOTICE}>${line}`;
}
