import { lstatSync } from 'node:fs';
import type { Layout, Mode } from './layout.ts';
import { failureOf, type RunProgram } from './run-program.ts';
import { enablement, unitName } from './units.ts';

/** A stop takes up to half a minute. */
const SWITCH_OFF_MS_MAX = 60_000;

export type SwitchedOff = { readonly unit: string; /** Why it could not be. */ readonly trouble: string | undefined };

/** Stops a service and has it not start at the next boot, until it is installed anew. Undefined: it does not start by itself. */
export async function switchOff(
  layout: Layout,
  mode: Mode,
  run: RunProgram,
  signal: AbortSignal,
): Promise<SwitchedOff | undefined> {
  if (lstatSync(enablement(layout, mode).path, { throwIfNoEntry: false }) === undefined) return undefined;
  const unit = unitName(mode);
  return { unit, trouble: failureOf(await run(['systemctl', 'disable', '--now', unit], SWITCH_OFF_MS_MAX, signal)) };
}
