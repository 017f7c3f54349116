import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.ts';

/**
 * Images made on the spot from busybox-static, since none can be pulled: a docker-archive tar for the engine's load API. The same
 * name and tag always gives the same image.
 */
export type ImageRecipe = {
  /** `demo/web:1` */
  readonly reference: string;
  /** Files beside busybox: path → text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs of this machine, with the libraries that they need: path in the image → path here. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly env?: readonly string[];
};

const BUSYBOX = '/bin/busybox';

const APPLETS = [
  'sh',
  'sleep',
  'cat',
  'echo',
  'ls',
  'httpd',
  'wget',
  'nc',
  'ip',
  'ps',
  'true',
  'false',
  'env',
  'id',
  'date',
  'mkdir',
  'rm',
  'tar',
  'test',
  'grep',
  'hostname',
  'nslookup',
  'ping',
  'kill',
  'touch',
  'head',
  'tail',
  'dd',
  'yes',
  'stat',
  'sync',
  'seq',
  'printf',
];

/** Writes the archive below `dir` (once) and gives its path. */
export async function buildImage(dir: string, recipe: ImageRecipe): Promise<string> {
  const file = join(dir, `${recipe.reference.replaceAll(/[^a-z0-9.]+/g, '-')}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(dir, { recursive: true });
  const work = mkdtempSync(join(dir, 'image-'));
  try {
    const layer = await buildLayer(work, recipe);
    const config = JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Env: ['PATH=/bin', ...(recipe.env ?? [])], Cmd: recipe.command },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer.digest}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'skerry lab' }],
    });
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(work, configName), config);
    writeFileSync(
      join(work, 'manifest.json'),
      JSON.stringify([{ Config: configName, RepoTags: [recipe.reference], Layers: ['layer.tar'] }]),
    );
    // Several hosts may ask for it at once: nobody sees half of it.
    const whole = join(work, 'image.tar');
    await tar(work, whole, [configName, 'layer.tar', 'manifest.json']);
    renameSync(whole, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return file;
}

async function buildLayer(work: string, recipe: ImageRecipe): Promise<{ readonly digest: string }> {
  const root = join(work, 'root');
  for (const folder of ['bin', 'tmp', 'etc', 'www', 'var']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  for (const [path, text] of Object.entries(recipe.files ?? {})) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  for (const [path, program] of Object.entries(recipe.programs ?? {})) {
    copyInto(root, path, program);
    for (const library of await librariesOf(program)) copyInto(root, library, library);
  }
  await tar(root, join(work, 'layer.tar'), ['.']);
  return {
    digest: createHash('sha256')
      .update(readFileSync(join(work, 'layer.tar')))
      .digest('hex'),
  };
}

function copyInto(root: string, path: string, source: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  copyFileSync(source, join(root, path));
}

/** `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader, which stands alone. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const lines = (await run('ldd', [program])).split('\n');
  return lines.flatMap((line) => /(?:^\s*|=> )(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

async function tar(dir: string, file: string, members: readonly string[]): Promise<void> {
  await run('tar', [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=ustar',
    '-C',
    dir,
    '-cf',
    file,
    ...members,
  ]);
}
