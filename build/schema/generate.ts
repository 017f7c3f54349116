import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModels } from './models.ts';
import { ROOTS } from './roots.ts';
import { typesModule } from './types-module.ts';

/** Writes src/api/generated from the pinned client models and the tables beside this file. Run by npm's `prepare`. */
const root = join(import.meta.dirname, '../..');
const models = readModels(join(root, 'node_modules/@kubernetes/client-node/dist/gen/models'), ROOTS);
const folder = join(root, 'src/api/generated');
mkdirSync(folder, { recursive: true });
write('types.ts', typesModule(models));

/** By way of a second file, so that a reader never sees half of one; an unchanged file is left alone. */
function write(name: string, text: string): void {
  const file = join(folder, name);
  if (current(file) === text) return;
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not there yet: the first run makes it.
    return undefined;
  }
}
