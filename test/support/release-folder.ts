import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { installScript } from '../../build/release/install-script.ts';

/** A folder as `npm run release` makes it, of a program of the test's own (for both architectures the same) and a key of its own. */
export type ReleaseFolder = {
  readonly folder: string;
  readonly version: string;
  /** SHA-256 of the packed program. */
  readonly sum: string;
  readonly remove: () => void;
};

export type ReleaseKey = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

export const newReleaseKey = (): ReleaseKey => generateKeyPairSync('ed25519');

export function releaseFolder(
  program: Uint8Array,
  { version, baseUrl, key }: { readonly version: string; readonly baseUrl: string; readonly key: ReleaseKey },
): ReleaseFolder {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-release-'));
  // Fast, not small.
  const packed = gzipSync(program, { level: 1 });
  const names = ['x64', 'arm64'].map((arch) => `skerry-${version}-linux-${arch}.gz`);
  for (const name of names) writeFileSync(join(folder, name), packed);
  const sum = sha256(packed);
  const sums = names.map((name) => `${sum}  ${name}\n`).join('');
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  writeFileSync(join(folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), key.privateKey));
  const both = (value: string) => ({ x64: value, arm64: value });
  const script = installScript(readFileSync('scripts/install.sh', 'utf8'), {
    version,
    baseUrl,
    packed: both(sum),
    program: both(sha256(program)),
    publicKey: key.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  });
  writeFileSync(join(folder, 'install.sh'), script, { mode: 0o755 });
  return { folder, version, sum, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
