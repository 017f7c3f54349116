import { hasCode } from '#lib/error.ts';
import type { Command } from './command.ts';

/**
 * A machine may have two iptables, whose rules do not know of each other: the one in which Docker's stand is the one whose drops have to be overruled.
 * The plain one, where Docker's are in neither.
 */
export const IPTABLES = ['iptables', 'iptables-nft', 'iptables-legacy'] as const;

/** As `run`, but with every `iptables`, `iptables-save` and `iptables-restore` of that variant. */
export async function chooseIptables(run: Command, signal: AbortSignal): Promise<Command> {
  for (const variant of IPTABLES) if (await hasDocker(run, variant, signal)) return withVariant(run, variant);
  return run;
}

function withVariant(run: Command, variant: string): Command {
  return (file, args, input, signal) => run(file.replace(/^iptables(?=$|-save$|-restore$)/, variant), args, input, signal);
}

async function hasDocker(run: Command, variant: string, signal: AbortSignal): Promise<boolean> {
  return /^:DOCKER /m.test(await savedRules(run, variant, signal));
}

/** All that stands in one of them: nothing where it is missing, or has no say. Without the name of a table, those of the old kind that nobody uses are not even made. */
export async function savedRules(run: Command, variant: string, signal: AbortSignal): Promise<string> {
  try {
    return await run(`${variant}-save`, [], '', signal);
  } catch (error) {
    if (hasCode(error, 'CommandFailed', 'ToolMissing')) return '';
    throw error;
  }
}
