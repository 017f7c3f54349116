/** The machines that an executable is made for, and the exact Node that goes into it. A new Node: its version and both sums change here, in one commit. */
export type Arch = 'x64' | 'arm64';

export type Target = {
  readonly arch: Arch;
  /** As Debian names the architecture. */
  readonly debian: 'amd64' | 'arm64';
  /** GNU triplet: where Debian keeps this architecture's libraries, and what its cross tools are named by. */
  readonly triple: string;
  /** Of `bin/node` in the npm package `node-linux-<arch>`. */
  readonly nodeSha256: string;
  /** Of the kernels that there are for it. */
  readonly pageBytesMax: number;
  /** What Debian's user-mode emulator of it is called. */
  readonly emulator: string;
};

export const NODE_VERSION = '24.21.0';

export const TARGETS: Readonly<Record<Arch, Target>> = {
  x64: {
    arch: 'x64',
    debian: 'amd64',
    triple: 'x86_64-linux-gnu',
    nodeSha256: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
    pageBytesMax: 4096,
    emulator: 'qemu-x86_64-static',
  },
  arm64: {
    arch: 'arm64',
    debian: 'arm64',
    triple: 'aarch64-linux-gnu',
    nodeSha256: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
    pageBytesMax: 65_536,
    emulator: 'qemu-aarch64-static',
  },
};

/** Whether this machine runs the target's programs itself. */
export function isNative(target: Target): boolean {
  return target.arch === process.arch;
}

/** A tool of Debian's cross toolchain, or of the machine's own: `strip`, `gcc`. */
export function toolOf(target: Target, tool: string): string {
  return isNative(target) ? tool : `${target.triple}-${tool}`;
}

/** Throws, naming those there are. */
export function targetNamed(name: string): Target {
  const target = Object.values(TARGETS).find(({ arch }) => arch === name);
  if (target === undefined)
    throw new Error(`there is no architecture ${JSON.stringify(name)}: use ${Object.keys(TARGETS).join(' or ')}`);
  return target;
}
