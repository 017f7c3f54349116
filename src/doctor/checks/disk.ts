import { dirname } from 'node:path';
import type { EngineFacts } from '../facts/engine-facts.ts';
import { textOf, type Outside, type Space } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** The disks that Skerry and the engine write to: room, inodes, and whether the file system is one for data. */
export type DiskFacts = { readonly disks: readonly Disk[] };

export type Disk = {
  /** What is kept there. */
  readonly purpose: 'data' | 'images and containers';
  readonly path: string;
  readonly mount: Mount | undefined;
  readonly space: Space | undefined;
};

export type Mount = { readonly point: string; readonly type: string; readonly readOnly: boolean };

/** What an installation and its first images need. */
const BYTES_FREE_MIN = 300 * 1024 ** 2;
/** A disk for data alone may be small as a whole: a database and its log have room while a fifth is free, and this at least. */
const SHARE_FREE_SMALL = 0.2;
const BYTES_FREE_SMALL = 32 * 1024 ** 2;
/** As the node's condition DiskPressure, and as a kubelet's defaults for its own file system. */
const SHARE_FREE_MIN = 0.1;
const INODES_SHARE_MIN = 0.05;

const UNFIT: Readonly<Record<string, string>> = {
  tmpfs: 'it is memory: all is gone with the next boot',
  ramfs: 'it is memory: all is gone with the next boot',
  overlay:
    'it is a layer of a container or of a read-only system: it may be gone with the next boot, and engines can not stack on it',
  vfat: 'it keeps no owners and no modes, and survives no power cut',
  exfat: 'it keeps no owners and no modes, and survives no power cut',
  nfs: 'databases are damaged on it: its locks can not be relied on',
  nfs4: 'databases are damaged on it: its locks can not be relied on',
  cifs: 'databases are damaged on it: its locks can not be relied on',
  fuseblk: 'its syncs can not be relied on after a power cut',
};

export async function gatherDisks({ outside, asked, engine }: Scene): Promise<DiskFacts> {
  const facts = await engine();
  const mounts = await textOf(outside.read('/proc/self/mountinfo'));
  const rootDir = facts.type === 'engine' ? facts.about.rootDir : await rootOfNone(outside, facts);
  const look = async (purpose: Disk['purpose'], wanted: string): Promise<Disk> => {
    const path = await nearest(outside, wanted);
    return { purpose, path, mount: mountOf(mounts, path), space: await outside.space(path) };
  };
  return {
    disks: await Promise.all([look('data', asked.dataDir), ...(rootDir === '' ? [] : [look('images and containers', rootDir)])]),
  };
}

/** Of an engine that does not answer, maybe for its disk's sake; where there is none it has no disk. */
async function rootOfNone(
  outside: Outside,
  { installed, usualRoot }: Extract<EngineFacts, { readonly type: 'none' }>,
): Promise<string> {
  return installed.includes('dockerd') && (await outside.exists(usualRoot)) ? usualRoot : '';
}

/** The folder itself or, where it is still to be made, the one that it will be in. */
export async function nearest(outside: Pick<Outside, 'exists'>, path: string): Promise<string> {
  if (path === '/' || path === '.' || (await outside.exists(path))) return path;
  return nearest(outside, dirname(path));
}

/** proc_pid_mountinfo(5): `36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw`. The last one mounted over a place is the one seen. */
export function mountOf(mountinfo: string, path: string): Mount | undefined {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , , point = '', options = ''] = left.split(' ');
    const [type = '', , superOptions = ''] = right.split(' ');
    if (type === '') return [];
    const readOnly = [options, superOptions].some((list) => list.split(',').includes('ro'));
    return [
      {
        point: point.replaceAll(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
        type,
        readOnly,
      },
    ];
  });
  const around = mounts.filter(({ point }) => path === point || path.startsWith(point === '/' ? '/' : `${point}/`));
  return around.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
    undefined,
  );
}

export function judgeDisks({ disks }: DiskFacts): readonly Verdict[] {
  return disks.flatMap(judgeDisk);
}

type Seen = Disk & { readonly space: Space };

function judgeDisk({ purpose, path, mount, space }: Disk): readonly Verdict[] {
  const what = `${path} (${purpose})`;
  if (space === undefined) return [unknown(`${what}: its disk can not be seen`)];
  const wrong = [...judgeRoom(what, { purpose, path, mount, space }), ...(mount === undefined ? [] : judgeMount(what, mount))];
  if (wrong.length > 0) return wrong;
  return [
    ok(`${what}: ${amount(space.bytesFree)} of ${amount(space.bytes)} free${mount === undefined ? '' : `, ${mount.type}`}`),
  ];
}

function judgeRoom(what: string, { purpose, path, mount, space }: Seen): readonly Verdict[] {
  const { bytes, bytesFree, inodes, inodesFree } = space;
  const clean = cleaning(purpose, path, mount);
  const free = `${amount(bytesFree)} of ${amount(bytes)}`;
  const small = Math.max(BYTES_FREE_SMALL, bytes * SHARE_FREE_SMALL);
  const needed = purpose === 'data' ? Math.min(BYTES_FREE_MIN, small) : BYTES_FREE_MIN;
  return [
    ...(bytesFree < needed ? [problem(`${what}: only ${free} free; ${amount(needed)} are needed`, clean)] : []),
    ...(bytesFree >= needed && bytesFree < bytes * SHARE_FREE_MIN
      ? [warning(`${what}: only ${free} free; below 10 % the node counts as under disk pressure and takes no more pods`, clean)]
      : []),
    ...(inodes > 0 && inodesFree < inodes * INODES_SHARE_MIN
      ? [
          problem(
            `${what}: ${inodesFree} of ${inodes} inodes left: no more files can be made soon`,
            `Delete many small files, or make the file system anew with more inodes.\n${clean}`,
          ),
        ]
      : []),
  ];
}

/** What helps depends on what else is on the disk: on the root's nearly everything, on one of its own only what is kept there. */
function cleaning(purpose: Disk['purpose'], path: string, mount: Mount | undefined): string {
  const onRoot = mount === undefined || mount.point === '/';
  const prune = 'docker image prune -a (images that no container uses; the engine must run for it)';
  const elsewhere = 'delete what there is not of Skerry, or move its data to a larger disk (--data-dir)';
  const own = purpose === 'data' ? elsewhere : `delete what there is not the engine's, ${prune}`;
  const ways = onRoot ? `journalctl --vacuum-size=50M, apt-get clean, ${prune}` : own;
  return `Make room: ${ways}\nWhat takes it: du -xh --max-depth=2 ${path} | sort -h | tail`;
}

function judgeMount(what: string, { point, type, readOnly }: Mount): readonly Verdict[] {
  const unfit = UNFIT[type];
  return [
    ...(readOnly
      ? [
          problem(
            `${what}: ${point} is mounted read-only`,
            `If it was not meant to be, the kernel made it so after an error: see dmesg, check the disk (fsck), and replace a card that fails.\nOtherwise: mount -o remount,rw ${point}, or another folder with --data-dir`,
          ),
        ]
      : []),
    ...(unfit === undefined
      ? []
      : [
          warning(
            `${what}: the file system is ${type}: ${unfit}`,
            'Use a folder on a local ext4, xfs, btrfs or f2fs disk (--data-dir; "data-root" in /etc/docker/daemon.json).',
          ),
        ]),
  ];
}

function amount(bytes: number): string {
  const units = ['KB', 'MB', 'GB', 'TB'] as const;
  let [value, unit] = [bytes / 1024, 0];
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit] ?? ''}`;
}
