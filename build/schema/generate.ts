import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModels } from './models.ts';
import { ROOTS } from './roots.ts';
import { schemaModule, type Messages } from './schema-module.ts';
import { typesModule } from './types-module.ts';

/** Writes src/api/generated from the pinned client models and the tables beside this file. Run by `npm run prepare`, which the scripts that need it call. */
const root = join(import.meta.dirname, '../..');
const models = readModels(join(root, 'node_modules/@kubernetes/client-node/dist/gen/models'), ROOTS);
const folder = join(root, 'src/api/generated');
mkdirSync(folder, { recursive: true });
write('types.ts', typesModule(models));
// Sound: the table beside this file has this shape, or the generator says which message it misses.
const messages = JSON.parse(readFileSync(join(import.meta.dirname, 'proto-fields.json'), 'utf8')) as Messages;
write('schema.ts', schemaModule(models, messages, readFileSync(join(import.meta.dirname, 'merge-keys.tsv'), 'utf8')));

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
