import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder, httpsUrl, parsedOption, unixSocket } from './flags.ts';
import { progressLine } from './progress-line.ts';

type Flags = {
  readonly dataDir: string;
  readonly docker: string;
  readonly server?: string;
  readonly output?: 'json' | 'yaml';
};

export function doctorCommand(context: Context): Command {
  return new Command('doctor')
    .description('Look at this machine: what Skerry needs, what is missing, and what solves it. It changes nothing.')
    .option('--data-dir <dir>', 'where all state is, or will be, kept', folder, DATA_DIR)
    .addOption(parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'))
    .option('--server <url>', 'the server to look for (default: the one that this node has joined)', httpsUrl)
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  skerry doctor
  sudo skerry doctor --server https://10.0.0.1:6443        # before a join
  skerry doctor -o json

Works before anything is installed, with no network and without root, and says what it could not see. The exit code is 0
unless something is an error.`,
    )
    .action((flags: Flags) => runDoctorVerb(context, flags));
}

async function runDoctorVerb(context: Context, { output, ...asked }: Flags): Promise<void> {
  const { runDoctor, countOf } = await import('#doctor/doctor.ts');
  const { systemOutside } = await import('#doctor/outside/system-outside.ts');
  const progress = progressLine(context);
  const report = await runDoctor(
    systemOutside(context),
    asked,
    (waiting) => progress.show(`looking at ${waiting.join(', ')}`),
    new AbortController().signal,
  );
  progress.clear();
  if (output === 'json') context.stdout(`${JSON.stringify(report, null, 2)}\n`);
  else if (output === 'yaml') context.stdout((await import('#api/encoding/yaml.ts')).stringifyYaml(report));
  else {
    const { reportText } = await import('#doctor/report-text.ts');
    const coloured = context.isTerminal('stdout') && (context.environment['NO_COLOR'] ?? '') === '';
    context.stdout(reportText(report, coloured));
  }
  if (report.healthy) return;
  const errors = countOf(report, 'error');
  throw new SkerryError('Unhealthy', `${errors === 1 ? 'one thing is' : `${errors} things are`} wrong with this machine`);
}
