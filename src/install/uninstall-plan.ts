import { dirname, join } from 'node:path';
import { withoutOurKeys, type TakenBack } from './engine-settings.ts';
import { MODES, serviceLog, type Layout, type Mode } from './layout.ts';
import type { Memory } from './memory.ts';
import { COMMAND_TARGET } from './plan.ts';
import type { Step } from './step.ts';
import { enablement, unitFile } from './units.ts';

/**
 * What is to be done so that nothing of an installation is left. Pure. What the node's agent made (containers, links, rules) goes between `before`
 * and `after`: as long as it runs it would make it anew, and without the program nobody could take it away.
 */
export type Leftovers = {
  readonly layout: Layout;
  readonly systemd: boolean;
  readonly running: Readonly<Record<Mode, boolean>>;
  /** Those of the paths this asks about that are there. */
  readonly there: readonly string[];
  /** What is on the PATH under our name. */
  readonly command: string | undefined;
  readonly memory: Memory;
  /** What stands in the settings of the engine that we changed. */
  readonly engineText: string | undefined;
  readonly dataDir: string;
  readonly purge: boolean;
};

export function planBefore({ running }: Leftovers): readonly Step[] {
  return MODES.filter((mode) => running[mode]).map((mode) => ({ do: 'stop', mode }));
}

export function planAfter(leftovers: Leftovers): readonly Step[] {
  const { layout, systemd, there, command, dataDir, purge } = leftovers;
  const remove = (...paths: readonly string[]) =>
    paths.filter((path) => there.includes(path)).map((path): Step => ({ do: 'remove', path }));
  const units = remove(...unitPaths(layout));
  return [
    ...units,
    ...(systemd && units.length > 0 ? [{ do: 'reload-units' } as const] : []),
    ...engineSteps(leftovers),
    ...remove(join(dataDir, 'join-token')),
    ...(purge
      ? remove(
          ...dataPaths(dataDir).filter((path) => path !== join(dataDir, 'join-token')),
          dirname(layout.config),
          ...logPaths(layout),
        )
      : []),
    // Last: it holds what tells the next attempt what is ours. And after it the name by which that is started.
    ...remove(layout.run, layout.lib),
    ...(command === COMMAND_TARGET ? [{ do: 'remove', path: layout.command } as const] : []),
  ];
}

/** All that is asked about. */
export function pathsOf(layout: Layout, dataDir: string): readonly string[] {
  return [...unitPaths(layout), ...dataPaths(dataDir), dirname(layout.config), ...logPaths(layout), layout.run, layout.lib];
}

function unitPaths(layout: Layout): readonly string[] {
  return MODES.flatMap((mode) => [enablement(layout, mode).path, unitFile(layout, mode)]);
}

/** Each, and the one before it. */
function logPaths(layout: Layout): readonly string[] {
  return MODES.map((mode) => serviceLog(layout, mode)).flatMap((file) => [file, `${file}.1`]);
}

/** Never the whole folder: it may have been given one that holds other things as well. */
export function dataPaths(dataDir: string): readonly string[] {
  return ['server', 'agent', 'admin.kubeconfig', 'recovery.key', 'join-token'].map((name) => join(dataDir, name));
}

function engineSteps({ memory, engineText }: Leftovers): readonly Step[] {
  if (memory.engine === undefined) return [];
  const { file, added, made } = memory.engine;
  const back: TakenBack = withoutOurKeys(engineText, added, made);
  if (back.type === 'keep') return [];
  return [{ do: 'engine-settings-back', file, text: back.type === 'write' ? back.text : undefined }];
}
