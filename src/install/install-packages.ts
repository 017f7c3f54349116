import { SkerryError } from '#lib/error.ts';
import { isProgramIn } from './observe.ts';
import type { Fetching } from './packages.ts';
import { failureOf, type Ran, type RunProgram } from './run-program.ts';

/** Has the distribution's package manager do what was planned (packages.ts), and shows what it says meanwhile: it may take minutes. */
const PACKAGES_MS_MAX = 30 * 60_000;
/** What apt says of each list that it could ask for, and of each that it could not. */
const REACHED = /^(?:Hit|Get):/;
const UNREACHED = /^Err:/;
/** Nothing that anybody waits for. */
const NOISE = /^(?:\(?Reading|Building|Selecting|Preparing|Ign:)/;
/** What dpkg asks for when it was cut off: by a power cut in an installation of ours, too. */
const DPKG_GOES_ON = ['dpkg', '--configure', '-a'];
const ADVICE = '(mend that, or install them yourself, or bring their packages along and use --offline DIR; then run this again)';

/** Throws PackagesFailed. */
export async function installPackages(
  { names, programs, refresh, install }: Fetching,
  run: RunProgram,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const heard = { reached: false, unreached: false };
  const hear = (line: string) => {
    heard.reached ||= REACHED.test(line);
    heard.unreached ||= UNREACHED.test(line);
    if (!NOISE.test(line)) tell(`  ${line}`);
  };
  const attempt = (argv: readonly string[]) => run(argv, PACKAGES_MS_MAX, signal, { hear });
  const failure = async (argv: readonly string[]) => whyNot(await attempt(argv));
  const stale = refresh === undefined ? undefined : await failure(refresh);
  signal.throwIfAborted();
  // Each package would be waited for in turn: many minutes, where names are not resolved. Another apt that holds the lists is no reason to end.
  if (refresh !== undefined && stale !== undefined && heard.unreached && !heard.reached)
    throw new SkerryError('PackagesFailed', `install ${names.join(', ')}: ${refresh.join(' ')}:\n  ${stale}\n${ADVICE}`);
  let done = await attempt(install);
  if (failureOf(done)?.includes(DPKG_GOES_ON.join(' ')) === true) {
    // It fails where something lacks what had not come so far: that is brought by the installation.
    await failure(DPKG_GOES_ON);
    done = await attempt(install);
  }
  const why = whyNot(done);
  const what = `install ${names.join(', ')}: ${install.join(' ')}`;
  const before = refresh === undefined || stale === undefined ? '' : `\nand before that ${refresh.join(' ')}:\n  ${stale}`;
  if (why !== undefined) throw new SkerryError('PackagesFailed', `${what}:\n  ${why}${before}\n${ADVICE}`);
  const missing = programs.filter((program) => !isProgramIn('/', program));
  if (missing.length > 0)
    throw new SkerryError('PackagesFailed', `${what}: it has brought no ${missing.join(' and no ')}${before}\n${ADVICE}`);
}

/** What it said itself was shown while it worked. */
function whyNot(ran: Ran): string | undefined {
  if (ran.type !== 'ended') return failureOf(ran);
  return ran.code === 0 ? undefined : `exit code ${ran.code}, for the reason above`;
}
