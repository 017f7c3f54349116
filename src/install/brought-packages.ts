import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { isPackageFile, type Manager } from './packages.ts';
import type { Architecture } from './release/release-files.ts';

/** The packages for this machine that lie on a stick, in a fixed order: it may hold more than is wanted. Throws Usage where there is no such folder. */
export function broughtPackages(folder: string, manager: Manager, architecture: Architecture): readonly string[] {
  try {
    const files = readdirSync(folder).filter((file) => isPackageFile(manager, architecture, file));
    return files.toSorted().map((file) => join(folder, file));
  } catch (cause) {
    throw new SkerryError('Usage', `look for packages in ${folder}`, { cause });
  }
}
