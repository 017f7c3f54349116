import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

/**
 * The program as CommonJS scripts, of which a process takes one (loader.cjs): `main` is all of it, `agent` and `cli` are the same without what those verbs never
 * load, `worker` is for the server's thread. What npm packages are inside stands in the answer.
 */
const ROOT = join(import.meta.dirname, '../..');

export type ScriptName = 'main' | 'server' | 'agent' | 'cli' | 'worker';

/** `packages`: folders of node_modules, relative to the root. */
export type Bundle = { readonly scripts: Readonly<Record<ScriptName, string>>; readonly packages: readonly string[] };

export async function bundle(folder: string): Promise<Bundle> {
  const { packages } = await make(folder, { main: 'src/main.ts', worker: 'src/worker.ts' }, []);
  // A service keeps the text of its script in memory as long as it lives.
  await make(folder, { server: 'src/main.ts' }, [onlyVerbs(['server'], [])]);
  await make(folder, { agent: 'src/main.ts' }, [onlyVerbs(['agent'], ['#server/'])]);
  // A command reads its script at each start.
  await make(folder, { cli: 'src/main.ts' }, [onlyVerbs(CLI_VERBS, ['#server/', '#agent/'])]);
  const script = (name: ScriptName) => join(folder, `${name}.cjs`);
  const scripts = {
    main: script('main'),
    server: script('server'),
    agent: script('agent'),
    cli: script('cli'),
    worker: script('worker'),
  };
  return { scripts, packages };
}

/** Those that a person waits for, and that need nothing of the two modes. The loader knows them too. */
const CLI_VERBS = ['get', 'create', 'delete', 'logs', 'version'];

async function make(folder: string, entryPoints: Readonly<Record<string, string>>, more: readonly Plugin[]) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { ...entryPoints },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // import() of Node's own modules evaluates getters that nobody asked for: 8 MB of memory (facts: node:http).
    supported: { 'dynamic-import': false },
    // Accelerators of dependencies that do without.
    external: ['bufferutil', 'utf-8-validate', 'cpu-features'],
    // Node's own streams, as a package for browsers and for Node of old; it names itself interchangeable (its READABLE_STREAM=disable). 75 modules less.
    alias: { 'readable-stream': 'node:stream' },
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
    legalComments: 'none',
    plugins: [addonInExecutable, leftOut, withoutLengthCache, ...more],
    metafile: true,
    logLevel: 'warning',
  });
  return { packages: packagesIn(metafile) };
}

const addonInExecutable: Plugin = {
  name: 'addon in executable',
  setup: (bundling) =>
    bundling.onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      importer.includes('/node_modules/better-sqlite3/') ? { path: join(import.meta.dirname, 'sqlite-binding.cjs') } : undefined,
    ),
};

/** What dependencies load and we never use: MQTT by way of a browser's worker or a SOCKS proxy, images built from a folder. An agent would carry it all its life. */
const UNUSED = ['worker-timers', 'socks', 'tar-fs'];
/** Commander's subcommands that are programs of their own. */
const UNUSED_BY_COMMANDER = 'node:child_process';

const leftOut: Plugin = {
  name: 'left out',
  setup: (bundling) => {
    bundling.onResolve({ filter: new RegExp(`^(${[...UNUSED, UNUSED_BY_COMMANDER].join('|')})$`) }, ({ path, importer }) =>
      path !== UNUSED_BY_COMMANDER || importer.includes('/node_modules/commander/') ? { path, namespace: 'left-out' } : undefined,
    );
    bundling.onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * mqtt-packet keeps the four bytes of each length of message that it has ever written, up to 16 kB, and with each the 64 kB that Node cut them from: an agent that has sent a few
 * hundred reports of different lengths had lost tens of megabytes for good.
 */
const LENGTH_KEPT = 'if (num < 16384) varByteIntCache[num] = buffer';

const withoutLengthCache: Plugin = {
  name: 'without length cache',
  setup: (bundling) =>
    bundling.onLoad({ filter: /\/node_modules\/mqtt-packet\/writeToStream\.js$/ }, ({ path }) => {
      const parts = readFileSync(path, 'utf8').split(LENGTH_KEPT);
      if (parts.length !== 2)
        throw new Error(`${path} is another than the one that is known: see whether it still keeps lengths`);
      return { contents: parts.join('') };
    }),
};

/** Leaves out all other verbs, and what begins with one of `never`: whoever asks for one is in another script. */
function onlyVerbs(verbs: readonly string[], never: readonly string[]): Plugin {
  const kept = new Set([...verbs.map((verb) => `./${verb}.ts`), './configure.ts']);
  return {
    name: 'only verbs',
    setup: (bundling) => {
      bundling.onResolve({ filter: /./ }, ({ kind, path, importer }) => {
        if (kind !== 'dynamic-import') return undefined;
        const isOther = never.some((start) => path.startsWith(start)) || (importer === VERBS && !kept.has(path));
        return isOther ? { path, namespace: 'other-verbs' } : undefined;
      });
      bundling.onLoad({ filter: /./, namespace: 'other-verbs' }, ({ path }) => ({
        contents: `throw new Error('this can not be: ${path} in a script of ${verbs.join(', ')}');`,
      }));
    },
  };
}

const VERBS = join(ROOT, 'src/cli/program.ts');

function packagesIn({ inputs }: Metafile): readonly string[] {
  const folders = Object.keys(inputs).flatMap((file) => {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  return [...new Set(folders)].toSorted();
}
