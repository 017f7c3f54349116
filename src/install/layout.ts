import { join } from 'node:path';

/**
 * Where an installed skerry has its files. Data is not among them: that is under `--data-dir`. The executables are in slots, one a version,
 * so that an upgrade can go back; what starts them (`launch`) is outside.
 */
export type Layout = {
  readonly lib: string;
  /** The sh script that systemd starts: it chooses the slot. */
  readonly launch: string;
  /** A folder per version with the executable `skerry` in it. */
  readonly slots: string;
  /** Symbolic link to the folder of the version that runs: `slots/0.1.0`. */
  readonly current: string;
  /** On the PATH: a symbolic link to `current/skerry`. */
  readonly command: string;
  readonly config: string;
  readonly units: string;
};

/** `root`: `/`, or the folder of a system that is being prepared (`skerry install --image`). */
export function layoutIn(root: string): Layout {
  const lib = join(root, 'usr/local/lib/skerry');
  return {
    lib,
    launch: join(lib, 'launch'),
    slots: join(lib, 'slots'),
    current: join(lib, 'current'),
    command: join(root, 'usr/local/bin/skerry'),
    config: join(root, 'etc/skerry/config.yaml'),
    units: join(root, 'etc/systemd/system'),
  };
}
