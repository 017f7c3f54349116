import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll } from '../../build/executable/build-all.ts';
import { TARGETS } from '../../build/executable/targets.ts';
import { newTestKey, writeRelease, type TestKey } from './release-world.ts';

/** The program as it is, built twice for this machine: two releases that trust one key, and differ in nothing but their version. */
export type TwoReleases = {
  readonly key: TestKey;
  readonly versions: readonly [string, string];
  /** The bare executable of a version. */
  readonly executable: (version: string) => string;
  /** The release folder of the second one. */
  readonly release: string;
  readonly remove: () => void;
};

export async function buildTwoReleases(): Promise<TwoReleases> {
  const folder = mkdtempSync(join(tmpdir(), 'two-releases-'));
  const key = newTestKey();
  const versions = ['0.1.0', '0.2.0'] as const;
  for (const version of versions)
    await buildAll([TARGETS.x64], {
      folder: join(folder, version),
      version,
      releaseKeys: [key.pem],
      releaseUrl: undefined,
      say: () => undefined,
    });
  const executable = (version: string) => join(folder, version, 'skerry-linux-x64');
  const release = join(folder, 'release');
  writeRelease(release, { [versions[1]]: readFileSync(executable(versions[1])) }, key);
  return { key, versions, executable, release, remove: () => rmSync(folder, { recursive: true }) };
}
