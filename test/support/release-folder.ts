import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installScript } from '../../build/release/install-script.ts';
import { writeRelease, type TestKey } from './release-world.ts';

/** A release of one program with its install.sh, in a folder; gives the sum of the packed program. */
export function writeInstallable(
  folder: string,
  program: Uint8Array,
  { version, baseUrl, key }: { readonly version: string; readonly baseUrl: string; readonly key: TestKey },
): string {
  writeRelease(folder, { [version]: program }, key);
  const packed = sha256(readFileSync(join(folder, `skerry-${version}-linux-x64.gz`)));
  const both = (value: string) => ({ x64: value, arm64: value });
  const template = readFileSync('scripts/install.sh', 'utf8');
  const flags = { server: [...FLAGS, '--no-agent'], agent: FLAGS };
  const facts = { version, baseUrl, packed: both(packed), program: both(sha256(program)), flags, publicKey: key.pem };
  writeFileSync(join(folder, 'install.sh'), installScript(template, facts), { mode: 0o755 });
  return packed;
}

/** Those that tests use; a release puts in what its program has. */
const FLAGS = ['--server', '--token', '--token-file', '--image', '--node-name', '--labels', '--offline', '--data-dir'];

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
