import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError, hasCode } from '#lib/error.ts';
import { parseManifests, type Manifest } from './parse-manifests.ts';

/** The objects of -f: files, folders and standard input. What can not be read or parsed is a failure by itself; the rest is given. */
export type Sources = { readonly filename: readonly string[]; readonly recursive: boolean };

export type Read = { readonly manifests: readonly Manifest[]; readonly failures: readonly unknown[] };

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const EXTENSIONS = /\.(json|ya?ml)$/;

export async function readManifests({ filename, recursive }: Sources, stdin: () => Promise<string>): Promise<Read> {
  const manifests: Manifest[] = [];
  const failures: unknown[] = [];
  for (const name of filename) {
    try {
      for (const { source, text } of name === '-'
        ? [{ source: 'STDIN', text: await stdin() }]
        : filesOf(name, recursive).map(readFile)) {
        const parsed = await parseManifests(text, source);
        manifests.push(...parsed.manifests);
        failures.push(...parsed.failures);
      }
    } catch (error) {
      if (!(error instanceof SkerryError) || hasCode(error, 'Bug')) throw error;
      failures.push(error);
    }
  }
  return { manifests, failures };
}

function readFile(path: string): { readonly source: string; readonly text: string } {
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    return { source: path, text: readFileSync(path, 'utf8') };
  } catch (cause) {
    throw new SkerryError('Forbidden', `read ${path}`, { cause });
  }
}

/** A file itself, or what a folder holds that looks like objects, in the order of their names. */
function filesOf(path: string, recursive: boolean): readonly string[] {
  if (/^https?:\/\//.test(path))
    throw new SkerryError('Usage', `read ${path}: addresses are not fetched: use curl -sfL ${path} | skerry … -f -`);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new SkerryError('NotFound', `the path ${JSON.stringify(path)} does not exist`);
  if (!found.isDirectory()) return [path];
  const files = inFolder(path, recursive);
  if (files.length === 0)
    throw new SkerryError('NotFound', `read the folder ${path}: it holds no file that ends in .json, .yaml or .yml`);
  return files;
}

function inFolder(folder: string, recursive: boolean): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return recursive ? inFolder(path, recursive) : [];
    return EXTENSIONS.test(entry.name) ? [path] : [];
  });
}
