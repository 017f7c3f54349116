import type { Component } from './components.ts';

/**
 * What Node is made of, by what it says of itself: the parts that its LICENSE names, and the versions in `process.versions`. A part that neither table here knows is an
 * error, so that what the next Node brings does not go unnoticed.
 */
export function nodeParts(
  licence: string,
  versions: Readonly<Record<string, string | undefined>>,
  nodeVersion: string,
): readonly Component[] {
  const named = [...licence.matchAll(/^- (.+), located at .+ licensed as follows:$/gm)].flatMap(([, name]) =>
    name === undefined || NOT_INSIDE.has(name) ? [] : [name],
  );
  if (named.length === 0) throw new Error(`the LICENSE of Node ${nodeVersion} names no parts: its form has changed`);
  const counted = Object.keys(versions).filter((name) => versions[name] !== '' && !NO_PARTS.has(name));
  const known = new Set(Object.values(PARTS).map(({ counted: name }) => name));
  const unknown = [...named.filter((name) => PARTS[name] === undefined), ...counted.filter((name) => !known.has(name))];
  if (unknown.length > 0)
    throw new Error(`Node ${nodeVersion} has parts that are not known here: ${unknown.join(', ')} (build/release/node-parts.ts)`);
  const inside = new Set([...named, ...UNNAMED]);
  return Object.entries(PARTS).flatMap(([name, { license, counted: key }]) => {
    const version = key === undefined ? nodeVersion : versions[key];
    if (!inside.has(name) || version === undefined || version === '') return [];
    const id = name.toLowerCase();
    return [{ name: id, version, license, purl: `pkg:generic/${encodeURIComponent(id)}@${encodeURIComponent(version)}` }];
  });
}

/** `counted`: its name in `process.versions`; a part that has none there is as old as Node. */
type Part = { readonly license: string; readonly counted?: string };

const PARTS: Readonly<Record<string, Part>> = {
  Acorn: { license: 'MIT', counted: 'acorn' },
  ada: { license: 'MIT OR Apache-2.0', counted: 'ada' },
  amaro: { license: 'MIT', counted: 'amaro' },
  brotli: { license: 'MIT', counted: 'brotli' },
  'c-ares': { license: 'MIT', counted: 'ares' },
  caja: { license: 'Apache-2.0' },
  HdrHistogram: { license: 'CC0-1.0 OR BSD-2-Clause' },
  ICU: { license: 'Unicode-3.0', counted: 'icu' },
  inspector_protocol: { license: 'BSD-3-Clause' },
  ittapi: { license: 'BSD-3-Clause' },
  large_pages: { license: 'MIT' },
  libuv: { license: 'MIT', counted: 'uv' },
  LIEF: { license: 'Apache-2.0' },
  llhttp: { license: 'MIT', counted: 'llhttp' },
  merve: { license: 'MIT', counted: 'merve' },
  minimatch: { license: 'BlueOak-1.0.0' },
  nbytes: { license: 'MIT', counted: 'nbytes' },
  ncrypto: { license: 'MIT', counted: 'ncrypto' },
  nghttp2: { license: 'MIT', counted: 'nghttp2' },
  nghttp3: { license: 'MIT', counted: 'nghttp3' },
  ngtcp2: { license: 'MIT', counted: 'ngtcp2' },
  'node-fs-extra': { license: 'MIT' },
  'node-heapdump': { license: 'ISC' },
  'on-exit-leak-free': { license: 'MIT' },
  OpenSSL: { license: 'Apache-2.0', counted: 'openssl' },
  'Punycode.js': { license: 'MIT' },
  rimraf: { license: 'ISC' },
  simdjson: { license: 'Apache-2.0', counted: 'simdjson' },
  simdutf: { license: 'MIT OR Apache-2.0', counted: 'simdutf' },
  SipHash: { license: 'CC0-1.0' },
  'sonic-boom': { license: 'MIT' },
  SQLite: { license: 'blessing', counted: 'sqlite' },
  swc: { license: 'Apache-2.0' },
  undici: { license: 'MIT', counted: 'undici' },
  uvwasi: { license: 'MIT', counted: 'uvwasi' },
  V8: { license: 'BSD-3-Clause', counted: 'v8' },
  zlib: { license: 'Zlib', counted: 'zlib' },
  zstd: { license: 'BSD-3-Clause', counted: 'zstd' },
};

/** Inside, and not in its LICENSE: Node's own, and what is in the public domain. */
const UNNAMED = ['nbytes', 'ncrypto', 'SQLite'];
/** In its LICENSE, and not in the binary: what it is built and tested with, and the programs that come beside it. */
const NOT_INSIDE: ReadonlySet<string> = new Set([
  'corepack',
  'cpplint.py',
  'gtest',
  'GYP',
  'gypi_to_gn.py',
  'jinja2',
  'markupsafe',
  'npm',
  'postject',
]);
/** In `process.versions`, and no parts: Node itself, its interfaces, and what ICU's data follow. */
const NO_PARTS: ReadonlySet<string> = new Set(['node', 'modules', 'napi', 'cldr', 'tz', 'unicode']);
