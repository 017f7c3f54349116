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
  /** Where an upgrade puts together what is not verified yet; on the slots' own file system, so that it can be renamed into one. */
  readonly download: string;
  /** Why the last upgrade was taken back, for people: see trial.ts; written by `launch`. */
  readonly goneBack: string;
  /** What the services say of themselves: a small file each, in memory. */
  readonly run: string;
  /** On the PATH: a symbolic link to `current/skerry`. */
  readonly command: string;
  readonly config: string;
  readonly units: string;
  /** Of the services where there is no journal to keep them. */
  readonly logs: string;
};

/** What a service runs as; each has a unit `skerry-<mode>.service`, and a trial of its own. */
export type Mode = 'server' | 'agent';
export const MODES: readonly Mode[] = ['server', 'agent'];

/** The unconfirmed release that this mode tries out; see trial.ts. */
export function trialFile(layout: Pick<Layout, 'lib'>, mode: Mode): string {
  return join(layout.lib, `trial.${mode}`);
}

/** What the running service of this mode has; see service.ts. */
export function healthFile(layout: Pick<Layout, 'run'>, mode: Mode): string {
  return join(layout.run, `${mode}.health`);
}

/** What whoever starts this mode by hand is told to have it log to. */
export function serviceLog(layout: Pick<Layout, 'logs'>, mode: Mode): string {
  return join(layout.logs, `skerry-${mode}.log`);
}

/** `root`: `/`, or the folder of a system that is being prepared (`skerry install --image`). */
export function layoutIn(root: string): Layout {
  const lib = join(root, 'usr/local/lib/skerry');
  return {
    lib,
    launch: join(lib, 'launch'),
    slots: join(lib, 'slots'),
    current: join(lib, 'current'),
    download: join(lib, 'slots', '.download'),
    goneBack: join(lib, 'gone-back'),
    run: join(root, 'run/skerry'),
    command: join(root, 'usr/local/bin/skerry'),
    config: join(root, 'etc/skerry/config.yaml'),
    units: join(root, 'etc/systemd/system'),
    logs: join(root, 'var/log'),
  };
}
