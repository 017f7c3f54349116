import { sleep, type Clock } from '#lib/clock.ts';
import type { RunProgram } from './run-program.ts';

/** What a unit has said since a moment, for whoever has to know why it did not start: not what it said of earlier starts, nor systemd about it. */
const ASK_MS_MAX = 30_000;
const LINES_MAX = 5;
/** The journal takes up what a process said a little after systemd has seen it end. */
const WRITTEN_MS_MAX = 2_000;
const LOOK_EVERY_MS = 100;

/** To be put behind a sentence; nothing where it has said nothing. */
export async function lastWords(
  unit: string,
  sinceMs: number,
  { run, clock }: { readonly run: RunProgram; readonly clock: Clock },
  signal: AbortSignal,
): Promise<string> {
  const since = ['--since', `@${(sinceMs / 1_000).toFixed(3)}`];
  const argv = ['journalctl', '-q', `_SYSTEMD_UNIT=${unit}`, ...since, '-n', String(LINES_MAX), '-o', 'cat', '--no-pager'];
  for (const end = clock.monotonic() + WRITTEN_MS_MAX; ; await sleep(clock, LOOK_EVERY_MS, signal)) {
    const log = await run(argv, ASK_MS_MAX, signal);
    const said = log.type === 'ended' ? log.stdout.trim() : '';
    if (said !== '') return `; it said last:\n  ${forPeople(said.split('\n')).join('\n  ')}`;
    if (signal.aborted || clock.monotonic() >= end) return '';
  }
}

/** Why it ended is in its log, and in one sentence for people: where that is there, it is enough. */
function forPeople(lines: readonly string[]): readonly string[] {
  const from = lines.findLastIndex((line) => line.startsWith('skerry: '));
  return from === -1 ? lines : lines.slice(from).filter((line) => !line.startsWith('{'));
}
