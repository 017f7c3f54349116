import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';
import { amount, count, duration, seconds } from './flags.ts';
import { connect, withServerFlags, type ServerVerbFlags } from './server-flags.ts';

export type LogsFlags = ServerVerbFlags & {
  readonly container?: string;
  readonly selector?: string;
  readonly follow?: true;
  readonly previous?: true;
  readonly tail?: number;
  /** Milliseconds. */
  readonly since?: number;
  readonly sinceTime?: string;
  readonly limitBytes?: number;
  readonly timestamps?: true;
  readonly allContainers?: true;
  readonly allPods?: true;
  readonly prefix?: true;
  readonly maxLogRequests: number;
  readonly ignoreErrors?: true;
  readonly podRunningTimeout: number;
};

export function logsCommand(context: Context): Command {
  return withServerFlags(new Command('logs'))
    .description('Print what containers write, as kubectl does.')
    .argument('[what...]', 'a pod, or deploy/web; then a container')
    .option('-c, --container <name>', 'the container (default: the first, or what the pod names)')
    .option('-l, --selector <labels>', 'of all pods that have these labels')
    .option('-f, --follow', 'go on with what comes')
    .option('-p, --previous', 'of the attempt before')
    .addOption(new Option('--tail <lines>', 'how many lines from the end; -1: all (default: all, with -l 10)').argParser(seconds))
    .option('--since <duration>', 'only what is younger: 5s, 2m, 3h', duration)
    .option('--since-time <time>', 'only what is younger: 2027-01-01T00:00:00Z')
    .option('--limit-bytes <n>', 'at most so much; 0: all', amount)
    .option('--timestamps', 'with the time of each line')
    .option('--all-containers', 'of all containers')
    .option('--all-pods', 'of all pods of a deployment or the like, with --prefix')
    .option('--prefix', 'with pod and container before each line')
    .option('--max-log-requests <n>', 'how many logs may be followed at once', count, 5)
    .option('--ignore-errors', 'a log that fails ends none of the others')
    .addOption(
      new Option('--pod-running-timeout <duration>', 'how long to wait until a pod is there')
        .argParser(duration)
        .default(20_000, '20s'),
    )
    .addHelpText(
      'after',
      `
Examples:
  skerry logs web-1
  skerry logs -f deploy/web --tail 20
  skerry logs -l app=web --all-containers --prefix
  skerry logs web-1 -c app -p --since 10m`,
    )
    .action(async (words: readonly string[], { selector = '', ...rest }: LogsFlags) => {
      const flags: LogsFlags = selector.trim() === '' ? rest : { ...rest, selector: selector.trim() };
      if (words.length === 0 && flags.selector === undefined)
        throw new SkerryError('Usage', 'POD or TYPE/NAME is a required argument for the logs command');
      const { runLogs } = await import('./logs/run-logs.ts');
      await runLogs(words, flags, context, await connect(context, flags));
    });
}
