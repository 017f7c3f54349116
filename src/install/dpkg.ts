import type { RunProgram } from './run-program.ts';

/** What dpkg knows: which packages were begun and not finished here. */
const DPKG_MS_MAX = 60_000;
const HALFWAY = ['half-installed', 'unpacked', 'half-configured'];

/** Of these; their programs may be there, but nobody has set them up. */
export async function halfInstalled(names: readonly string[], run: RunProgram, signal: AbortSignal): Promise<readonly string[]> {
  const argv = ['dpkg-query', '-W', '-f', '${Package}\t${db:Status-Status}\n', ...names];
  const ran = await run(argv, DPKG_MS_MAX, signal);
  const lines = ran.type === 'ended' ? ran.stdout.split('\n') : [];
  return lines.flatMap((line) => {
    const [name = '', state = ''] = line.split('\t');
    return HALFWAY.includes(state) ? [name] : [];
  });
}
