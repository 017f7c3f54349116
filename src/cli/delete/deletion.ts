import { SkerryError } from '#lib/error.ts';
import { selectorQuery } from '../client/selectors.ts';
import type { DeleteFlags } from '../delete.ts';

/** What the flags of `skerry delete` come to, by kubectl's rules of which goes with which. */
export type Deletion = {
  /** DeleteOptions of meta/v1. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly force: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number;
  readonly ignoreNotFound: boolean;
  readonly dryRun: 'none' | 'server' | 'client';
};

/** As kubectl: what takes longer is given up. */
const WEEK_MS = 7 * 24 * 3_600_000;

const POLICIES = { background: 'Background', orphan: 'Orphan', foreground: 'Foreground' } as const;

/** Throws Usage. */
export function deletionOf(words: readonly string[], flags: DeleteFlags): Deletion {
  const usage = (what: string) => new SkerryError('Usage', what);
  const { filename, now, force } = flags;
  const bySelector = Object.keys(selectorQuery(flags)).length > 0;
  const byName = words.length > 1 || (words[0] ?? '').includes('/');
  if (filename !== undefined && words.length > 0) throw usage('name what to delete by -f or by words, not both');
  if (filename !== undefined && (bySelector || flags.all === true)) throw usage('-f goes with no selector and not with --all');
  if (flags.all === true && bySelector) throw usage('cannot set --all and --selector at the same time');
  if (byName && (bySelector || flags.all === true)) throw usage('name cannot be provided when a selector is specified');
  if (filename === undefined && words.length > 0 && !byName && !bySelector && flags.all !== true)
    throw usage('resource(s) were provided, but no name was specified: give names, -l or --all');
  if (now === true && flags.gracePeriod >= 0) throw usage('--now and --grace-period cannot be specified together');
  if (force === true && flags.gracePeriod > 0)
    throw usage('--force and --grace-period greater than 0 cannot be specified together');
  const grace = graceOf(flags);
  return {
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: POLICIES[flags.cascade],
      ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
    },
    force: force === true && grace === 0,
    wait: flags.wait === true || flags.wait === 'true',
    timeoutMs: flags.timeout === 0 ? WEEK_MS : flags.timeout,
    ignoreNotFound: flags.ignoreNotFound === true || flags.all === true,
    dryRun: flags.dryRun,
  };
}

/** Only --force makes nothing of the time that a pod has to end; without it, 0 is the shortest there is. */
function graceOf({ now, force, gracePeriod }: DeleteFlags): number {
  if (now === true) return force === true ? 0 : 1;
  if (force === true) return 0;
  return gracePeriod === 0 ? 1 : gracePeriod;
}
