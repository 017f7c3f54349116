import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run, tryRun, type Output } from '../../scripts/lab/exec.ts';

/**
 * Systems in folders: freshly debootstrapped Debians, each test its own copy, entered in namespaces of their own (mounts, processes and, but for
 * `network: 'host'`, network). Nothing of the machine that runs the tests is written to, but the cache that the copies come from.
 */
export type Root = {
  readonly folder: string;
  /** Runs a command inside, with an environment of its own. */
  readonly run: (argv: readonly string[], options?: RootOptions) => Promise<Output>;
  /** The same for what goes on until it is cut off, with all that it started. */
  readonly start: (argv: readonly string[], options?: RootOptions) => { readonly cut: () => Promise<void> };
  readonly remove: () => void;
};

export type RootOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** `host`: to reach servers of the test on loopback. */
  readonly network?: 'host' | 'own';
  /** Gives /usr/local a disk of its own, this large. */
  readonly localBytes?: number;
  /** Folders of the machine, to look at from inside: path inside → path outside. */
  readonly bind?: Readonly<Record<string, string>>;
  readonly input?: string;
};

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/roots');

/** Suite, and what it has beside the least. */
const ROOTS = {
  bullseye: { suite: 'bullseye', packages: [] },
  bookworm: { suite: 'bookworm', packages: [] },
  trixie: { suite: 'trixie', packages: [] },
  /** Boots with systemd-nspawn. */
  booted: {
    suite: 'bookworm',
    packages: ['systemd', 'systemd-sysv', 'dbus', 'docker.io', 'iptables', 'openssl', 'ca-certificates', 'curl'],
  },
  /** What a node may have beside it that has a say in its packets and its names. */
  beside: {
    suite: 'bookworm',
    // The last one is what polkitd asks for by a virtual name, which debootstrap does not see.
    packages: [
      'ufw',
      'firewalld',
      'dbus',
      'iptables',
      'nftables',
      'iproute2',
      'systemd-resolved',
      'conntrack',
      'procps',
      'libpam-systemd',
    ],
  },
  /** Name servers that a node may have beside its own. */
  resolvers: { suite: 'bookworm', packages: ['bind9', 'unbound'] },
} as const;

export type RootName = keyof typeof ROOTS;

/** Half a minute each for the first time, from the mirror that this machine's own apt uses. */
async function cached(name: RootName): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const { suite, packages } = ROOTS[name];
  const beside = mkdtempSync(`${folder}.`);
  const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`];
  try {
    await run('debootstrap', ['--variant=minbase', ...include, suite, beside, mirror()]);
    // It becomes a root folder, which not only root goes through.
    chmodSync(beside, 0o755);
    renameSync(beside, folder);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

export function mirror(): string {
  const sources = globSync(['/etc/apt/sources.list', '/etc/apt/sources.list.d/*.{list,sources}']).map((file) =>
    readFileSync(file, 'utf8'),
  );
  const found = sources.map(
    (text) => /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(https?:\/\/\S+?\/debian)\/?(?:\s|$)/m.exec(text)?.[1],
  );
  const first = found.find((url) => url !== undefined);
  if (first === undefined) throw new Error('no mirror of Debian in /etc/apt/sources.list*');
  return first;
}

export async function createRoot(name: RootName): Promise<Root> {
  const from = await cached(name);
  const root = emptyRoot();
  await run('cp', ['-a', '--reflink=auto', `${from}/.`, root.folder]);
  return root;
}

/** The packages with all that such a system lacks for them, as somebody would put them on a stick; from the same cache. */
export async function debsFor(name: RootName, packages: readonly string[]): Promise<string> {
  const folder = join(CACHE, `${name}-debs-${packages.join('-')}`);
  if (existsSync(folder)) return folder;
  const root = await createRoot(name);
  const beside = mkdtempSync(`${folder}.`);
  const archives = ['-o', 'Dir::Cache::archives=/debs'];
  try {
    mkdirSync(join(beside, 'partial'));
    const script = 'apt-get update -q && exec "$@"';
    const fetch = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', '--download-only', ...archives, ...packages];
    const { code, stderr } = await root.run(['sh', '-c', script, 'sh', ...fetch], { network: 'host', bind: { '/debs': beside } });
    if (code !== 0) throw new Error(`fetch ${packages.join(', ')}: ${stderr}`);
    for (const file of readdirSync(beside)) if (!file.endsWith('.deb')) rmSync(join(beside, file), { recursive: true });
    renameSync(beside, folder);
  } finally {
    rmSync(beside, { recursive: true, force: true });
    root.remove();
  }
  return folder;
}

/** What makes a folder of packages one that apt takes for a distribution: `deb [trusted=yes] file:/folder ./`. */
export async function packagesIndex(folder: string): Promise<string> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  const entries = files.map(async (file) => {
    const bytes = readFileSync(join(folder, file));
    const sum = createHash('sha256').update(bytes).digest('hex');
    const fields = (await run('dpkg-deb', ['-f', join(folder, file)])).trim();
    return `${fields}\nFilename: ./${file}\nSize: ${bytes.length}\nSHA256: ${sum}\n`;
  });
  return (await Promise.all(entries)).join('\n');
}

/** For systems that are made up. */
export function emptyRoot(): Root {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-root-'));
  return {
    folder,
    run: (argv, options = {}) => tryRun('unshare', enter(folder, argv, options), { input: options.input ?? '' }),
    start: (argv, options = {}) => {
      const outer = spawn('unshare', [...enter(folder, argv, options)], { stdio: 'ignore', detached: true });
      return { cut: () => cut(outer) };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The first process in the container that `outer` made and waits for. */
export function childOf(outer: ChildProcess): number | undefined {
  const { pid } = outer;
  if (pid === undefined || outer.exitCode !== null) throw new Error('what was to run has ended');
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return child === undefined || child === '' ? undefined : Number(child);
}

/** Kills it, and so all that is in there, and waits until nothing of it is left. */
export function cut(outer: ChildProcess): Promise<void> {
  if (outer.exitCode !== null || outer.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    outer.once('exit', () => done());
    process.kill(childOf(outer) ?? outer.pid ?? 0, 'SIGKILL');
  });
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function enter(folder: string, argv: readonly string[], options: RootOptions): readonly string[] {
  const { env = {}, network = 'own', localBytes, bind = {} } = options;
  const binds = Object.entries(bind).flatMap(([inside, outside]) => [inside, outside]);
  const namespaces = [
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
    ...(network === 'own' ? ['--net'] : []),
  ];
  const entry = ['sh', '-euc', ENTER, 'sh', folder, network, String(localBytes ?? ''), String(binds.length / 2), ...binds];
  const variables = Object.entries({ PATH, HOME: '/root', LANG: 'C.UTF-8', ...env }).map(([key, value]) => `${key}=${value}`);
  return [...namespaces, ...entry, 'env', '-i', ...variables, ...argv];
}

/** A shell, as the namespaces it is in are this process's own; everything that varies is an argument. */
const ENTER = `
root=$1 network=$2 bytes=$3 binds=$4
shift 4
[ "$network" = host ] || ip link set lo up
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/etc" "$root/.old"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
[ -z "$bytes" ] || mount -t tmpfs -o "size=$bytes" tmpfs "$root/usr/local"
while [ "$binds" -gt 0 ]; do
  mkdir -p "$root$1"
  mount --bind "$2" "$root$1"
  shift 2
  binds=$((binds - 1))
done
cd "$root"
pivot_root . .old
umount -l /.old
exec "$@"
`;

/** A file of the machine into a system, with its mode. */
export function copyInto(root: Root, from: string, to: string): void {
  cpSync(from, join(root.folder, to), { dereference: true });
}
