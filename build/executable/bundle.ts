import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

/** The program as CommonJS scripts: `main.cjs`, and the small `worker.cjs` for its threads. What npm packages are inside stands in the answer. */
const ROOT = join(import.meta.dirname, '../..');

/** `packages`: folders of node_modules, relative to the root. */
export type Bundle = {
  readonly main: string;
  readonly agent: string;
  readonly worker: string;
  readonly packages: readonly string[];
};

export async function bundle(folder: string): Promise<Bundle> {
  const { packages } = await make(folder, { main: 'src/main.ts', worker: 'src/worker.ts' }, []);
  // An agent keeps the text of its script in memory as long as it lives.
  await make(folder, { agent: 'src/main.ts' }, [withoutServer]);
  const script = (name: string) => join(folder, `${name}.cjs`);
  return { main: script('main'), agent: script('agent'), worker: script('worker'), packages };
}

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
    plugins: [addonInExecutable, leftOut, ...more],
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

const leftOut: Plugin = {
  name: 'left out',
  setup: (bundling) => {
    bundling.onResolve({ filter: new RegExp(`^(${UNUSED.join('|')})$`) }, ({ path }) => ({ path, namespace: 'left-out' }));
    bundling.onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** Verbs other than `agent`, and what they load: whoever asks for one is in the other script (loader.cjs). */
const withoutServer: Plugin = {
  name: 'without server',
  setup: (bundling) => {
    bundling.onResolve({ filter: /./ }, ({ kind, path, importer }) => {
      if (kind !== 'dynamic-import') return undefined;
      const isOther = path.startsWith('#server/') || (importer === VERBS && !AGENT_VERB.includes(path));
      return isOther ? { path, namespace: 'without-server' } : undefined;
    });
    bundling.onLoad({ filter: /./, namespace: 'without-server' }, ({ path }) => ({
      contents: `throw new Error('this can not be: ${path} in an agent');`,
    }));
  },
};
const VERBS = join(ROOT, 'src/cli/program.ts');
const AGENT_VERB = ['./agent.ts', './configure.ts'];

function packagesIn({ inputs }: Metafile): readonly string[] {
  const folders = Object.keys(inputs).flatMap((file) => {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  return [...new Set(folders)].toSorted();
}
