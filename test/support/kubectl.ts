import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { KubectlVersion } from '../../scripts/lab/kubectl.ts';

export const KUBECTL_CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/kubectl');

/** Absolute path of a kubectl that `npm run preflight` has fetched. */
export function kubectl(version: KubectlVersion): string {
  const path = join(KUBECTL_CACHE, version, 'usr/bin/kubectl');
  if (!existsSync(path)) throw new Error(`kubectl ${version} is not in ${KUBECTL_CACHE}: run \`npm run preflight\` first`);
  return path;
}
