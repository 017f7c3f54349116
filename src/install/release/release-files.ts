import { SkerryError } from '#lib/error.ts';
import { compareVersions, isVersion } from '../version.ts';

/** The names of a release's files, and its sums: they carry version and architecture, so that a signature over the sums vouches for both. */
export const SUMS_FILE = 'SHA256SUMS';
export const SIGNATURE_FILE = 'SHA256SUMS.sig';

export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export type ReleaseFile = { readonly name: string; readonly version: string; readonly architecture: Architecture };

/** `skerry-0.2.0-linux-x64.gz`; undefined for any other name. */
export function parseReleaseFile(name: string): ReleaseFile | undefined {
  const [, version = '', arch] = /^skerry-(.+)-linux-([0-9a-z]+)\.gz$/.exec(name) ?? [];
  const architecture = ARCHITECTURES.find((known) => known === arch);
  return architecture === undefined || !isVersion(version) ? undefined : { name, version, architecture };
}

/** Go's name of an architecture, as `linux/amd64` has it. Throws Unsupported. */
export function architectureOf(platform: string): Architecture {
  if (platform === 'linux/amd64') return 'x64';
  if (platform === 'linux/arm64') return 'arm64';
  throw new SkerryError('Unsupported', `find a release for ${platform}: there are only ones for linux/amd64 and linux/arm64`);
}

export type SummedFile = ReleaseFile & { readonly sha256: string };

/** The executables that sums name, as sha256sum writes them. Throws BadRelease at a line that is none. */
export function parseSums(text: string): readonly SummedFile[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [, sha256, name = ''] = /^([0-9a-f]{64}) [ *]([^/\0]+)$/.exec(line) ?? [];
      if (sha256 === undefined)
        throw new SkerryError('BadRelease', `read ${SUMS_FILE}: ${JSON.stringify(line.slice(0, 100))} is no sum`);
      const file = parseReleaseFile(name);
      return file === undefined ? [] : [{ ...file, sha256 }];
    });
}

/** The newest for this architecture, or that of the version that is asked for. Throws NotFound with what there is. */
export function chooseFile(files: readonly SummedFile[], architecture: Architecture, version: string | undefined): SummedFile {
  const [chosen] = files
    .filter((file) => file.architecture === architecture && (version === undefined || file.version === version))
    .toSorted((one, other) => compareVersions(other.version, one.version));
  if (chosen !== undefined) return chosen;
  const there = files.map(({ name }) => name).join(', ');
  throw new SkerryError(
    'NotFound',
    `find skerry ${version ?? ''} for ${architecture} in the release: there is ${there === '' ? 'no executable' : `only ${there}`}`.replace(
      '  ',
      ' ',
    ),
  );
}
