import { join } from 'node:path';
import { readFileIfThere, writeDurableFile } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * The server's key folder. The marker is written last at the first start: before it anything that is missing is made, after it a root
 * of trust that is missing is an error, for a new one would lock every node and user out.
 */
export type PkiFiles = {
  readonly isFirstStart: boolean;
  readonly file: (name: string) => string;
  readonly read: (name: string) => string | undefined;
  readonly write: (name: string, text: string) => void;
  /** What is there, or (only at the first start) a new one, kept. */
  readonly root: (name: string, make: () => string | Promise<string>) => Promise<string>;
  readonly finish: (cluster: string) => void;
};

const MARKER = 'cluster';

export function openPkiFiles(folder: string): PkiFiles {
  const file = (name: string) => join(folder, name);
  const read = (name: string) => readFileIfThere(file(name));
  const write = (name: string, text: string) => writeDurableFile(file(name), text);
  const isFirstStart = read(MARKER) === undefined;
  return {
    isFirstStart,
    file,
    read,
    write,
    root: async (name, make) => {
      const there = name === MARKER ? read(name)?.trim() : read(name);
      if (there !== undefined && there !== '') return there;
      if (!isFirstStart)
        throw new SkerryError(
          'BrokenPki',
          `read ${file(name)}: it is missing, and a new one would lock every node and user out; put it back from a backup`,
        );
      const made = await make();
      if (name !== MARKER) write(name, made);
      return made;
    },
    finish: (cluster) => {
      if (isFirstStart) write(MARKER, `${cluster}\n`);
    },
  };
}

export const CLUSTER_FILE = MARKER;
