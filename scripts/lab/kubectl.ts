import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.ts';

/**
 * The kubectl releases that the tests use, taken from Debian suites with an apt configuration of their own and unpacked into a cache
 * folder, never installed: called by absolute path, since a kubectl on the PATH may be anything.
 */
const SUITES = [
  { version: '1.20', suite: 'bookworm', package: 'kubernetes-client' },
  { version: '1.32', suite: 'trixie', package: 'kubectl' },
  { version: '1.36', suite: 'sid', package: 'kubectl' },
] as const;

export type KubectlVersion = (typeof SUITES)[number]['version'];

/** version → absolute path of its kubectl. Downloads what the cache does not hold yet. */
export async function fetchKubectls(
  cache: string,
  say: (text: string) => void,
): Promise<Readonly<Record<KubectlVersion, string>>> {
  const paths = SUITES.map(({ version }) => [version, join(cache, version, 'usr/bin/kubectl')] as const);
  if (paths.some(([, path]) => !existsSync(path))) {
    const apt = await prepareApt(cache);
    for (const source of SUITES)
      if (!existsSync(join(cache, source.version, 'usr/bin/kubectl'))) await fetch(cache, apt, source, say);
  }
  // Sound: `paths` has exactly one entry for each version.
  return Object.fromEntries(paths) as Record<KubectlVersion, string>;
}

async function fetch(
  cache: string,
  apt: readonly string[],
  source: (typeof SUITES)[number],
  say: (text: string) => void,
): Promise<void> {
  say(`fetching kubectl ${source.version} from Debian ${source.suite}`);
  const listed = await run('apt-get', [...apt, 'download', '--print-uris', `${source.package}/${source.suite}`]);
  const name = / (\S+\.deb) /.exec(listed)?.[1];
  if (name === undefined) throw new Error(`apt names no file for ${source.package}/${source.suite}: ${listed}`);
  const dir = join(cache, 'debs');
  mkdirSync(dir, { recursive: true });
  await run('sh', [
    '-c',
    'cd "$1" && shift && exec apt-get "$@"',
    'sh',
    dir,
    ...apt,
    'download',
    '-qq',
    `${source.package}/${source.suite}`,
  ]);
  const file = readdirSync(dir).find((entry) => decodeURIComponent(entry) === decodeURIComponent(name));
  if (file === undefined) throw new Error(`apt downloaded no ${name} into ${dir}`);
  await run('dpkg', ['-x', join(dir, file), join(cache, source.version)]);
}

/** apt options that leave the machine's own lists and packages alone; the mirror is the one that the machine itself uses. */
async function prepareApt(cache: string): Promise<readonly string[]> {
  const home = join(cache, 'apt');
  for (const folder of ['lists/partial', 'archives/partial', 'etc']) mkdirSync(join(home, folder), { recursive: true });
  const { uri, keyring } = debianMirror();
  const sources = SUITES.map(({ suite }) => `deb [signed-by=${keyring}] ${uri} ${suite} main`).join('\n');
  writeFileSync(join(home, 'etc/sources.list'), `${sources}\n`);
  const options = [
    `Dir::Etc::sourcelist=${home}/etc/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    `Dir::State::lists=${home}/lists`,
    `Dir::Cache::archives=${home}/archives`,
    `Dir::Cache::pkgcache=${home}/pkgcache.bin`,
    `Dir::Cache::srcpkgcache=${home}/srcpkgcache.bin`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    // A mirror that lags is good enough for a test's kubectl; signatures are checked all the same.
    'Acquire::Check-Valid-Until=false',
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, 'update', '-qq']);
  return options;
}

function debianMirror(): { readonly uri: string; readonly keyring: string } {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const files = ['/etc/apt/sources.list', ...list('/etc/apt/sources.list.d')].filter(
    (file) => existsSync(file) && /\.(list|sources)$/.test(file),
  );
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const uri = /^(?:URIs:\s*|deb(?:\s+\[[^\]]*\])?\s+)(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(text)?.[1];
    if (uri !== undefined) return { uri, keyring };
  }
  throw new Error(
    'found no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d: the tests take kubectl 1.20, 1.32 and 1.36 from there',
  );
}

function list(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map((entry) => join(folder, entry)) : [];
}
