import { join } from 'node:path';
import { readFileIfThere } from '#lib/durable-file.ts';
import type { Layout } from './layout.ts';

/** What an installation has to remember of itself, beside its slots: to be taken back by an uninstallation, or not to be done twice. */
export type Memory = {
  /** Keys that were put into a daemon.json; `made`: there was no such file. */
  readonly engine?: { readonly file: string; readonly added: readonly string[]; readonly made: boolean };
  /** SHA-256 of the join token that was handed to the agent last: the token itself is deleted after the join. */
  readonly tokenHash?: string;
  /**
   * A run was under way. It stays where one was killed or failed: the files that the next one finds may be right, and yet nobody have been told of
   * them, so it does anew whatever has them take effect.
   */
  readonly unfinished?: true;
};

export const memoryFile = (layout: Pick<Layout, 'lib'>): string => join(layout.lib, 'installed.json');

export const memoryText = (memory: Memory): string => `${JSON.stringify(memory, null, 2)}\n`;

/** Whatever of it can not be read was never remembered: the worst is that a key stays in a daemon.json. */
export function readMemory(layout: Pick<Layout, 'lib'>): Memory {
  let value: unknown;
  try {
    value = JSON.parse(readFileIfThere(memoryFile(layout)) ?? '{}');
  } catch {
    // Damaged: as above.
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const engine = 'engine' in value ? engineOf(value.engine) : undefined;
  const tokenHash = 'tokenHash' in value && typeof value.tokenHash === 'string' ? value.tokenHash : undefined;
  return {
    ...(engine === undefined ? {} : { engine }),
    ...(tokenHash === undefined ? {} : { tokenHash }),
    ...('unfinished' in value && value.unfinished === true ? { unfinished: true } : {}),
  };
}

function engineOf(value: unknown): Memory['engine'] {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('file' in value && 'added' in value && 'made' in value)) return undefined;
  const { file, added, made } = value;
  if (typeof file !== 'string' || !Array.isArray(added)) return undefined;
  return { file, added: added.filter((key) => typeof key === 'string'), made: made === true };
}
