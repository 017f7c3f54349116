import { Command, InvalidArgumentError, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { InstallationStatus } from '#install/upgrade/status.ts';
import type { Upgraded } from '#install/upgrade/upgrade.ts';
import { isVersion } from '#install/version.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder } from './flags.ts';
import { progressLine } from './progress-line.ts';

/** `skerry upgrade`: what it does is src/install/upgrade; here it is asked for and told. */
type Flags = {
  readonly from?: string;
  readonly version?: string;
  readonly allowDowngrade?: true;
  readonly dataDir: string;
  readonly status?: true;
  readonly output?: 'json' | 'yaml';
};

export function upgradeCommand(context: Context): Command {
  return new Command('upgrade')
    .description('Take a newer release on this machine; if it does not become healthy, the one before comes back by itself.')
    .option('--from <where>', 'a folder, a file in one, or a base URL (default: $SKERRY_URL, or where this release came from)')
    .option('--version <version>', 'the release to take (default: $SKERRY_VERSION, or the newest there is)', version)
    .option('--allow-downgrade', 'take an older one, too')
    .option('--data-dir <dir>', 'where all state is kept', folder, DATA_DIR)
    .option('--status', 'change nothing: say what is installed, on trial, or was taken back')
    .addOption(new Option('-o, --output <format>', 'how --status is written').choices(['json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  skerry upgrade
  skerry upgrade --from /media/stick
  skerry upgrade --from https://mirror.example/skerry --version 0.2.0
  skerry upgrade --status

The release has to be signed with a key that this one knows. It is put beside the one that runs, tried out and checked against this
machine's settings; then the service is restarted with it. Containers go on running. It stays once it is healthy: the server's
/readyz answers, the agent has its engine, and its link if it had one. Otherwise, after three starts or ten minutes (longer where
its database is large), or should the power fail on the way, the release before is started again, and this command ends with an exit code other than 0.
A broken-off download goes on where it was when the command is given again.`,
    )
    .action((flags: Flags) => (flags.status === true ? tellStatus(context, flags.output) : takeUpgrade(context, flags)));
}

function version(text: string): string {
  if (!isVersion(text)) throw new InvalidArgumentError('Use the version of a release, like 0.2.0.');
  return text;
}

async function takeUpgrade(context: Context, flags: Flags): Promise<void> {
  const { clock, environment, platform } = context;
  const { layout, executable } = await installation(context);
  if (process.getuid?.() !== 0) throw new SkerryError('Forbidden', 'upgrade skerry: it needs root (sudo skerry upgrade …)');
  const from = flags.from ?? filled(environment['SKERRY_URL']) ?? executable.releaseUrl;
  if (from === undefined)
    throw new SkerryError('Usage', 'upgrade skerry: it does not know where releases are; say --from FOLDER, FILE or URL');
  const named = filled(environment['SKERRY_VERSION']);
  if (flags.version === undefined && named !== undefined && !isVersion(named))
    throw new SkerryError('Usage', `upgrade skerry: SKERRY_VERSION=${named} is no version; use one like 0.2.0`);

  const { createDownloads } = await import('#net/download.ts');
  const { architectureOf } = await import('#install/release/release-files.ts');
  const { releaseSource } = await import('#install/release/release-source.ts');
  const { programRunner } = await import('#install/run-program.ts');
  const { systemdServices } = await import('#install/upgrade/services.ts');
  const { upgrade } = await import('#install/upgrade/upgrade.ts');
  const line = progressLine(context);
  const run = programRunner(environment);
  const say = (text: string) => {
    line.clear();
    context.stderr(`${text}\n`);
  };
  const downloads = createDownloads(environment, clock, say);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const done = await upgrade(
      {
        layout,
        source: releaseSource(from, layout.download, downloads),
        architecture: architectureOf(platform),
        version: flags.version ?? named,
        allowDowngrade: flags.allowDowngrade === true,
        dataDir: flags.dataDir,
        releaseKeys: executable.releaseKeys,
        run,
        services: systemdServices(run, clock),
        clock,
        say,
        watch: line.show,
        progress: (bytes, total) => line.show(downloaded(bytes, total)),
      },
      stop.signal,
    );
    line.clear();
    context.stdout(`${told(done, layout.launch)}\n`);
  } finally {
    line.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await downloads.close();
  }
}

async function installation({ executable }: Context) {
  const { installedSlot } = await import('#install/slots.ts');
  const installed = executable === undefined ? undefined : installedSlot(executable.path);
  if (executable === undefined || installed === undefined)
    throw new SkerryError(
      'Usage',
      `upgrade skerry: ${executable?.path ?? 'a checkout'} is not installed; install it with \`skerry install\`, or run the installed one (/usr/local/bin/skerry)`,
    );
  return { layout: installed.layout, executable };
}

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function downloaded(bytes: number, total: number | undefined): string {
  const mb = (count: number) => (count / 1_000_000).toFixed(1);
  return total === undefined
    ? `downloading: ${mb(bytes)} MB`
    : `downloading: ${mb(bytes)} of ${mb(total)} MB (${Math.floor((100 * bytes) / Math.max(1, total))} %)`;
}

function told({ type, from, to }: Upgraded, launch: string): string {
  switch (type) {
    case 'nothing':
      return `nothing to do: ${to} is installed`;
    case 'confirmed':
      return `upgraded from ${from} to ${to}: it is healthy and stays`;
    case 'to-be-started':
      return `${to} is in place, on trial: it begins with the next start of the service (end it, and start ${launch} server or agent again); ${from} comes back if it does not become healthy`;
  }
}

async function tellStatus(context: Context, output: 'json' | 'yaml' | undefined): Promise<void> {
  const { readStatus } = await import('#install/upgrade/status.ts');
  const status = readStatus((await installation(context)).layout);
  if (output === 'json') context.stdout(`${JSON.stringify(status, null, 2)}\n`);
  else if (output === 'yaml') context.stdout((await import('#api/encoding/yaml.ts')).stringifyYaml(status));
  else for (const line of statusLines(status)) context.stdout(`${line}\n`);
}

function statusLines({ current, others, trials, takenBack }: InstallationStatus): readonly string[] {
  return [
    `installed: ${current ?? 'nothing'}${others.length === 0 ? '' : ` (also there: ${others.join(', ')})`}`,
    ...trials.map(
      ({ mode, release, before, starts }) =>
        `on trial as ${mode}: ${release}, started ${starts === 1 ? 'once' : `${starts} times`}; if it does not become healthy, ${before} comes back`,
    ),
    ...(takenBack === undefined
      ? []
      : [`taken back: ${takenBack.to}, for ${takenBack.back}, ${takenBack.when}: ${takenBack.why}`]),
  ];
}
