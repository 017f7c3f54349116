import { createHash, sign } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, rmSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { tryRun, type Output } from '../scripts/lab/exec.ts';
import { buildAll } from './executable/build-all.ts';
import { TARGETS, isNative } from './executable/targets.ts';
import { componentsOf } from './release/components.ts';
import { gzipFile } from './release/gzip.ts';
import { flagsIn, installScript } from './release/install-script.ts';
import { licences } from './release/licences.ts';
import { sbom } from './release/sbom.ts';
import { pemOf, publicKeyIn, signingKey } from './release/signing-key.ts';

/** `npm run release`: the folder that is put on a server, or on a stick. */
const HELP = `npm run release -- --base-url URL [--key FILE] [--next-key FILE] [--version V] [--output DIR]

Makes dist/release: skerry-<version>-linux-<arch>.gz for both architectures, SHA256SUMS, its signature SHA256SUMS.sig, sbom.cdx.json, LICENSES.txt and install.sh.
  --base-url URL    where the folder will stand: install.sh downloads from there
  --key FILE        private key, PEM, Ed25519 (openssl genpkey -algorithm ed25519); without it one of this checkout's own
  --next-key FILE   public key of the successor, PEM: what this release is upgraded to may be signed with either
  --version V       instead of package.json's
  --output DIR      instead of dist/release`;

const ROOT = join(import.meta.dirname, '..');
const say = (text: string) => console.error(`release: ${text}`);

try {
  const { values } = parseArgs({
    options: {
      'base-url': { type: 'string' },
      key: { type: 'string' },
      'next-key': { type: 'string' },
      version: { type: 'string' },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) console.log(HELP);
  else if (values['base-url'] === undefined) throw new Error(`--base-url is missing\n${HELP}`);
  else
    await release({
      baseUrl: values['base-url'],
      key: values.key,
      nextKey: values['next-key'],
      version: values.version ?? manifest.version,
      output: values.output ?? join(ROOT, 'dist/release'),
    });
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

type Release = {
  readonly baseUrl: string;
  readonly key: string | undefined;
  readonly nextKey: string | undefined;
  readonly version: string;
  readonly output: string;
};

async function release({ baseUrl, key, nextKey, version, output }: Release): Promise<void> {
  const privateKey = signingKey(key, join(ROOT, 'dist/development.key'), say);
  const publicKey = pemOf(privateKey);
  const releaseKeys = [publicKey, ...(nextKey === undefined ? [] : [publicKeyIn(nextKey)])];
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const built = await buildAll(Object.values(TARGETS), {
    folder: join(output, '.executables'),
    version,
    releaseKeys,
    releaseUrl: baseUrl,
    say,
  });
  const sums = { packed: { x64: '', arm64: '' }, program: { x64: '', arm64: '' } };
  for (const each of built) {
    const { target, output: program } = each;
    await check(each, version);
    const bytes = readFileSync(program);
    const name = `skerry-${version}-linux-${target.arch}.gz`;
    await gzipFile(program, join(output, name));
    const packed = readFileSync(join(output, name));
    sums.program[target.arch] = sha256(bytes);
    sums.packed[target.arch] = sha256(packed);
    say(`${name}: ${(packed.length / 1e6).toFixed(1)} MB`);
  }
  const [first] = built;
  if (first === undefined) throw new Error('nothing was built');
  const components = componentsOf({ ...first, root: ROOT });
  const own = (name: string) => readFileSync(join(ROOT, name), 'utf8').trim();
  writeFileSync(join(output, 'sbom.cdx.json'), sbom(version, components));
  writeFileSync(join(output, 'LICENSES.txt'), licences([own('NOTICE'), own('LICENSE')].join('\n\n'), components));
  const flagsOf = async (mode: string) => flagsIn((await runBuilt(first, ['install', mode, '--help'])).stdout);
  const flags = { server: await flagsOf('server'), agent: await flagsOf('agent') };
  const facts = { version, baseUrl, ...sums, flags, publicKey };
  const script = installScript(readFileSync(join(ROOT, 'scripts/install.sh'), 'utf8'), facts);
  writeFileSync(join(output, 'install.sh'), script);
  chmodSync(join(output, 'install.sh'), 0o755);
  rmSync(join(output, '.executables'), { recursive: true });
  const names = readdirSync(output).toSorted();
  const list = names.map((name) => `${sha256(readFileSync(join(output, name)))}  ${name}\n`).join('');
  writeFileSync(join(output, 'SHA256SUMS'), list);
  writeFileSync(join(output, 'SHA256SUMS.sig'), sign(null, Buffer.from(list), privateKey));
  say(`${output} is version ${version}, to stand at ${baseUrl}`);
}

type Built = Awaited<ReturnType<typeof buildAll>>[number];

/** It starts as each of its scripts, and says what it is asked and nothing else: a rejected code cache or a warning would be told on stderr at every start. */
async function check(built: Built, version: string): Promise<void> {
  const { stdout, stderr } = await runBuilt(built, ['version']);
  const modes = await Promise.all(['server', 'agent', 'install'].map((verb) => runBuilt(built, [verb, '--help'])));
  const warned = [stderr, ...modes.map((said) => said.stderr)].join('');
  if (stdout !== `skerry ${version}\n` || warned !== '')
    throw new Error(`${built.output} version says ${JSON.stringify(stdout + warned)}, and skerry ${version} was to be made`);
}

function runBuilt({ target, output, sysroot }: Built, args: readonly string[]): Promise<Output> {
  return isNative(target) ? tryRun(output, args) : tryRun(target.emulator, ['-L', sysroot, output, ...args]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
