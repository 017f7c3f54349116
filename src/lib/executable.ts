import { getAsset, isSea } from 'node:sea';

/** The single executable that this process runs from (build/executable), with what was put into it by name; undefined from a checkout. */
export type RunningExecutable = {
  readonly path: string;
  /** Text. Throws if there is none of that name. */
  readonly asset: (name: string) => string;
};

export function runningExecutable(): RunningExecutable | undefined {
  if (!isSea()) return undefined;
  return { path: process.execPath, asset: (name) => getAsset(name, 'utf8') };
}
