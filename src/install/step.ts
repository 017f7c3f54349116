import { unitName } from './units.ts';
import type { Mode } from './layout.ts';
import type { Memory } from './memory.ts';
import type { Fetching } from './packages.ts';

/** All that an installation does to a machine, as data: what is planned, told to whoever watches, and run from one table (runners.ts). */
export type Step =
  /** For the next installation or uninstallation. */
  | { readonly do: 'remember'; readonly memory: Memory }
  | { readonly do: 'engine-settings'; readonly file: string; readonly text: string }
  /** A dockerd that runs, if one does, and has not taken live-restore over from this file. */
  | { readonly do: 'engine-reread'; readonly file: string }
  /** And waits until it answers. */
  | { readonly do: 'engine-start' }
  /** `text` undefined: there is to be no such file. An engine that runs goes on as it is: it reads what is no longer said at its next start only. */
  | { readonly do: 'engine-settings-back'; readonly file: string; readonly text: string | undefined }
  | ({ readonly do: 'packages' } & Fetching)
  | { readonly do: 'slot'; readonly version: string; readonly executable: string; readonly how: 'copy' | 'move' }
  | { readonly do: 'current'; readonly version: string }
  | { readonly do: 'link'; readonly path: string; readonly target: string }
  /** `secret`: in a folder that only root looks into. */
  | { readonly do: 'write'; readonly path: string; readonly text: string; readonly mode: number; readonly secret: boolean }
  /** A file, or a folder with all that is in it. */
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'reload-units' }
  | { readonly do: 'stop'; readonly mode: Mode }
  /** And waits until it is ready. */
  | { readonly do: 'start'; readonly mode: Mode; readonly again: boolean };

export type Runners<R> = { readonly [D in Step['do']]: (step: Extract<Step, { readonly do: D }>) => R };

/** What is about to happen, for people. */
export function tellStep(step: Step): string {
  switch (step.do) {
    case 'remember':
      return step.memory.unfinished === true ? 'write down what is under way' : 'write down what was done';
    case 'engine-settings':
      return `switch on live-restore in ${step.file}`;
    case 'engine-reread':
      return `have the engine read ${step.file} (it is not restarted)`;
    case 'engine-start':
      return 'start the Docker engine and wait until it answers';
    case 'engine-settings-back':
      return `take live-restore out of ${step.file} (for the next start of the engine)`;
    case 'packages':
      return `install ${step.names.join(', ')}`;
    case 'slot':
      return `put version ${step.version} into place`;
    case 'current':
      return `make ${step.version} the version that runs`;
    case 'link':
      return `link ${step.path}`;
    case 'write':
      return `write ${step.path}`;
    case 'remove':
      return `remove ${step.path}`;
    case 'reload-units':
      return 'have systemd read the units';
    case 'stop':
      return `stop ${unitName(step.mode)}`;
    case 'start':
      return `${step.again ? 'restart' : 'start'} ${unitName(step.mode)} and wait until it is ready`;
  }
}
