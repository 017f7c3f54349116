import { outputOf, textOf } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** The machine and its system: kernel, C library, init, memory. */
export type MachineFacts = {
  readonly system: string;
  readonly kernelRelease: string;
  readonly isRoot: boolean;
  /** `2.36`; undefined where there is no glibc to be asked. */
  readonly glibc: string | undefined;
  /** `252`; undefined where systemd does not run the machine. */
  readonly systemd: string | undefined;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** Transparent huge pages; undefined where the kernel has none. */
  readonly hugePages: { readonly isAlways: boolean; readonly bytes: number } | undefined;
};

const MEMORY_BYTES_MIN = 256 * 1024 ** 2;
/** What a board of 256 MB shows once its kernel has taken its own. */
const MEMORY_SHARE_LOST = 0.15;
/** What the executable's database addon is built for. */
const GLIBC_MIN = [2, 29] as const;
/** Of Debian 10, and of the oldest kernels that vendors' boards still come with. */
const KERNEL_MIN = [4, 19] as const;

/** With kernel pages of 4 KiB. Those of 16 KiB make it 32 MiB. */
const HUGE_PAGE_BYTES_USUAL = 2 * 1024 ** 2;
/** What V8 reserves for compiled code: no larger piece fits in. */
const CODE_RANGE_BYTES = 256 * 1024 ** 2;

export async function gatherMachine({ outside }: Scene, signal: AbortSignal): Promise<MachineFacts> {
  const [release, meminfo, hugePages, hugePageBytes, libc, isBooted, systemctl] = await Promise.all([
    textOf(outside.read('/etc/os-release')),
    textOf(outside.read('/proc/meminfo')),
    textOf(outside.read(`${HUGE_PAGES}/enabled`)),
    textOf(outside.read(`${HUGE_PAGES}/hpage_pmd_size`)),
    outside.run(['getconf', 'GNU_LIBC_VERSION'], signal),
    outside.exists('/run/systemd/system'),
    outside.run(['systemctl', '--version'], signal),
  ]);
  return {
    system: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'an unknown Linux',
    kernelRelease: outside.machine.kernelRelease,
    isRoot: outside.machine.isRoot,
    glibc: /glibc ([\d.]+)/.exec(outputOf(libc) ?? '')?.[1],
    systemd: isBooted ? /^systemd (\d+)/.exec(outputOf(systemctl) ?? '')?.[1] : undefined,
    memoryBytes: outside.machine.memoryBytes,
    swapBytes: 1024 * Number(/^SwapTotal:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0),
    hugePages: hugePages === '' ? undefined : { isAlways: hugePages.includes('[always]'), bytes: Number(hugePageBytes) },
  };
}

const HUGE_PAGES = '/sys/kernel/mm/transparent_hugepage';

export function judgeMachine(facts: MachineFacts): readonly Verdict[] {
  const init = facts.systemd === undefined ? 'without systemd' : `systemd ${facts.systemd}`;
  const libc = facts.glibc === undefined ? '' : `, glibc ${facts.glibc}`;
  return [
    ok(`${facts.system}, kernel ${facts.kernelRelease}${libc}, ${init}`),
    ...judgeMemory(facts),
    ...judgeHugePages(facts),
    ...(isOlder(facts.kernelRelease, KERNEL_MIN)
      ? [
          warning(
            `kernel ${facts.kernelRelease} is older than ${KERNEL_MIN.join('.')}, the oldest that is tried`,
            'Upgrade the system.',
          ),
        ]
      : []),
    ...(facts.glibc !== undefined && isOlder(facts.glibc, GLIBC_MIN)
      ? [
          problem(
            `glibc ${facts.glibc} is too old: the executable needs ${GLIBC_MIN.join('.')} or newer`,
            'Upgrade to Debian 11, Ubuntu 20.04 or newer.',
          ),
        ]
      : []),
    ...(facts.isRoot
      ? []
      : [unknown('not root: some of what follows can not be seen', 'For the whole picture: sudo skerry doctor')]),
  ];
}

function judgeMemory({ memoryBytes, swapBytes }: MachineFacts): readonly Verdict[] {
  const size = `${Math.round(memoryBytes / 1024 ** 2)} MB of memory, ${swapBytes === 0 ? 'no swap' : `${Math.round(swapBytes / 1024 ** 2)} MB of swap`}`;
  if (memoryBytes >= MEMORY_BYTES_MIN * (1 - MEMORY_SHARE_LOST)) return [ok(size)];
  return [
    warning(
      `${size}: the agent runs, but with an engine and pods beside it this is tight`,
      `Use a board with ${MEMORY_BYTES_MIN / 1024 ** 2} MB or more, or run few and small pods with memory limits.`,
    ),
  ];
}

/** Each thread of a process keeps its compiled code in a reserve of its own, whose first byte then brings a whole such page. */
function judgeHugePages({ hugePages }: MachineFacts): readonly Verdict[] {
  if (hugePages === undefined || !hugePages.isAlways) return [];
  if (hugePages.bytes <= HUGE_PAGE_BYTES_USUAL || hugePages.bytes > CODE_RANGE_BYTES) return [];
  const size = hugePages.bytes / 1024 ** 2;
  return [
    warning(
      `the kernel hands memory out in pieces of ${size} MB (huge pages: always): each thread of the server and the agent takes up to ${size} MB that it does not use`,
      `Until the next boot: echo madvise | sudo tee ${HUGE_PAGES}/enabled\nFor good: transparent_hugepage=madvise on the kernel's command line. Then restart the service.`,
    ),
  ];
}

/** Undefined parts count as nothing: an unreadable version is not called old. */
export function isOlder(version: string, [majorMin, minorMin]: readonly [number, number]): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major < majorMin || (major === majorMin && minor < minorMin);
}
