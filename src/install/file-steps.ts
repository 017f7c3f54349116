import { chmodSync, closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { SkerryError } from '#lib/error.ts';
import { syncFolder, writeDurableFile } from '#lib/durable-file.ts';

/**
 * Changes to the file system as data, in order, so that tests can stop after each of them: a machine may lose its power between any two.
 * Each step can be done again over its own half-done work.
 */
export type FileStep =
  | { readonly do: 'folder'; readonly path: string; readonly mode: number }
  /** The bytes are on the disk when it is done; the name may not be, before its folder is synced. */
  | { readonly do: 'copy'; readonly from: string; readonly to: string; readonly mode: number }
  | { readonly do: 'sync-file'; readonly path: string; readonly mode: number }
  | { readonly do: 'rename'; readonly from: string; readonly to: string }
  | { readonly do: 'symlink'; readonly target: string; readonly path: string }
  | { readonly do: 'sync-folder'; readonly path: string }
  /** Whole or not at all, and durable: lib/durable-file. */
  | { readonly do: 'write'; readonly file: string; readonly text: string; readonly mode: number }
  | { readonly do: 'remove'; readonly path: string };

/** Throws DiskError with the step that failed; what was done before it stays done. */
export function performSteps(steps: readonly FileStep[]): void {
  for (const step of steps) perform(step);
}

function perform(step: FileStep): void {
  try {
    act(step);
  } catch (cause) {
    if (cause instanceof SkerryError) throw cause;
    throw new SkerryError('DiskError', tellStep(step), { cause });
  }
}

function act(step: FileStep): void {
  switch (step.do) {
    case 'folder':
      // `recursive` only so that one that is there is no error: what is above it exists.
      mkdirSync(step.path, { recursive: true, mode: step.mode });
      chmodSync(step.path, step.mode);
      return;
    case 'copy':
      rmSync(step.to, { force: true });
      copyFileSync(step.from, step.to);
      syncFile(step.to, step.mode);
      return;
    case 'sync-file':
      syncFile(step.path, step.mode);
      return;
    case 'rename':
      renameSync(step.from, step.to);
      return;
    case 'symlink':
      rmSync(step.path, { force: true });
      symlinkSync(step.target, step.path);
      return;
    case 'sync-folder':
      syncFolder(step.path);
      return;
    case 'write':
      writeDurableFile(step.file, step.text, step.mode);
      return;
    case 'remove':
      rmSync(step.path, { recursive: true, force: true });
  }
}

function syncFile(path: string, mode: number): void {
  chmodSync(path, mode);
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export function tellStep(step: FileStep): string {
  switch (step.do) {
    case 'folder':
      return `make the folder ${step.path}`;
    case 'copy':
      return `copy ${step.from} to ${step.to}`;
    case 'sync-file':
      return `sync ${step.path}`;
    case 'rename':
      return `rename ${step.from} to ${step.to}`;
    case 'symlink':
      return `link ${step.path} to ${step.target}`;
    case 'sync-folder':
      return `sync the folder ${step.path}`;
    case 'write':
      return `write ${step.file}`;
    case 'remove':
      return `remove ${step.path}`;
  }
}
