import { field, parsedJson, textField } from '#lib/json-field.ts';
import { outputOf } from '../outside/outside.ts';
import type { Scene } from '../scene.ts';
import { ownSecrets } from '../support/own-secrets.ts';
import { scrubber } from '../support/scrub.ts';
import { valueOf } from './value-of.ts';

/**
 * Why a service ended, in its own words: the last line of a run in the journal that says it. Scrubbed as what goes into a support file, and one line of
 * bounded length. What systemd says about the service is no word of its own.
 */
export type PickWords = (lines: readonly string[]) => string | undefined;

const LINES_MAX = 100;
const LENGTH_MAX = 400;

/** A service's run, as systemd tells: its name, how often it was started anew before because it had ended by itself, and when it began. */
export type Run = {
  readonly unit: string;
  readonly invocation: string;
  readonly restarts: number;
  /** Since the machine's boot. */
  readonly startMicros: number;
};

/** Between the last word of a run and the start of the next: longer than any unit of ours or Docker's waits. What is older was said by one before. */
const GAP_MICROS_MAX = 60_000_000;

/**
 * Of that run; where it has said nothing of the kind yet, of the one that it followed by a restart: a service that ends again and again is mostly just
 * beginning. Undefined where nothing was said, or the journal is not ours to read.
 */
export async function lastWords(
  { outside, asked }: Pick<Scene, 'outside' | 'asked'>,
  { unit, invocation, restarts, startMicros }: Run,
  pick: PickWords,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!/^[0-9a-f]{32}$/.test(invocation)) return undefined;
  const argv = [
    'journalctl',
    '--boot',
    `_SYSTEMD_UNIT=${unit}`,
    `--lines=${LINES_MAX}`,
    '--output=json',
    '--output-fields=MESSAGE,_SYSTEMD_INVOCATION_ID',
    '--no-pager',
  ];
  const journal = (outputOf(await outside.run(argv, signal)) ?? '').split('\n').map((line) => {
    const entry = parsedJson(line);
    return {
      run: textField(entry, '_SYSTEMD_INVOCATION_ID'),
      message: textField(entry, 'MESSAGE'),
      atMicros: Number(textField(entry, '__MONOTONIC_TIMESTAMP')),
    };
  });
  const saidBy = (run: string) => pick(journal.filter((entry) => entry.run === run).map(({ message }) => message));
  const before = journal.findLast(({ run }) => run !== '' && run !== invocation);
  const isRestart = restarts > 0 && before !== undefined && startMicros - before.atMicros < GAP_MICROS_MAX;
  const picked = saidBy(invocation) ?? (isRestart ? saidBy(before.run) : undefined);
  if (picked === undefined) return undefined;
  const scrubbed = scrubber(await ownSecrets(outside, asked.dataDir))(picked);
  const line = scrubbed.replaceAll(/\p{Cc}+/gu, ' ').trim();
  return line.length > LENGTH_MAX ? `${line.slice(0, LENGTH_MAX)}…` : line;
}

/** Of what `systemctl show` printed of it. */
export function runOf(unit: string, shown: string): Run {
  const of = (key: string) => valueOf(shown, key) ?? '';
  const [restarts, startMicros] = [Number(of('NRestarts')), Number(of('ExecMainStartTimestampMonotonic'))];
  return { unit, invocation: of('InvocationID'), restarts, startMicros };
}

/** Of skerry: the last words of a command that fails, or the last error in its log. Other lines may be anybody's. */
export function ownFailure(lines: readonly string[]): string | undefined {
  return lines.flatMap(failureIn).at(-1);
}

function failureIn(line: string): readonly string[] {
  const [, words] = /^skerry(?: launch)?: (.+)/.exec(line) ?? [];
  if (words !== undefined) return [words];
  const entry = line.startsWith('{') ? parsedJson(line) : undefined;
  if (field(entry, 'level') !== 'error') return [];
  const why = textField(entry, 'err', 'message');
  return [`${textField(entry, 'msg')}${why === '' ? '' : `: ${why}`}`];
}

/** Of a program of others: whatever it said last. */
export function lastLine(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => line.trim() !== '');
}
