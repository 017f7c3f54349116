import { Command, Option } from 'commander';
import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';
import { askedOf, machineOptions, type MachineFlags } from './machine-options.ts';
import { SETTINGS_HELP } from './node-options.ts';
import { progressLine } from './progress-line.ts';

type Flags = MachineFlags & { readonly output?: 'json' | 'yaml' };

export function doctorCommand(context: Context): Command {
  const command = new Command('doctor').description(
    'Look at this machine: what Skerry needs, what is missing, and what solves it. It changes nothing.',
  );
  for (const option of machineOptions()) command.addOption(option);
  return command
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  skerry doctor
  sudo skerry doctor --server https://10.0.0.1:6443        # before a join
  skerry doctor -o json

Works before anything is installed, with no network and without root, and says what it could not see.
${SETTINGS_HELP}

With -o json: {"healthy": true|false, "findings": [{"check", "status": "ok"|"warning"|"error"|"unknown", "message", "advice"}]}, where
advice is missing if there is none. Names of checks and statuses stay, and more may come; words may change.
The exit code is 0 where nothing is an error, 1 where something is, 2 for wrong usage.`,
    )
    .action((flags: Flags) => runDoctorVerb(context, flags));
}

async function runDoctorVerb(context: Context, { output, ...flags }: Flags): Promise<void> {
  const { runDoctor, countOf } = await import('#doctor/doctor.ts');
  const { systemOutside } = await import('#doctor/outside/system-outside.ts');
  const progress = progressLine(context);
  const report = await runDoctor(
    systemOutside(context),
    askedOf(flags),
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
