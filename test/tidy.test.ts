import { readFileSync, globSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { expect, test } from 'vitest';

/** Holds what STYLE and ARCHITECTURE promise about the tree itself: the import table, where packages may be imported, file length, purity. */

const FOLDERS = ['api', 'lib', 'sched', 'rest', 'server', 'agent', 'net', 'cli', 'install', 'doctor'] as const;

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  api: ['lib'],
  sched: ['api', 'lib'],
  rest: ['api', 'lib'],
  net: ['api', 'lib'],
  agent: ['api', 'lib', 'net', 'rest'],
  server: ['api', 'lib', 'net', 'rest', 'sched'],
  install: ['api', 'lib', 'net'],
  doctor: ['api', 'lib', 'net', 'install'],
  cli: ['api', 'lib', 'net', 'install', 'doctor'],
  main: [...FOLDERS],
};

/** Where each third-party package may be imported; a package that stands here nowhere may be imported nowhere. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['src/server/store/', 'src/agent/ledger/'],
  dockerode: ['src/agent/runtime/'],
  mqtt: ['src/net/'],
  'mqtt-packet': ['src/net/'],
  ws: ['src/net/'],
  undici: ['src/net/'],
  '@peculiar/x509': ['src/net/tls/'],
  'reflect-metadata': ['src/net/tls/'],
  commander: ['src/cli/', 'src/main.ts'],
  pino: ['src/lib/log.ts'],
  yaml: ['src/api/encoding/'],
  protobufjs: ['src/api/encoding/', 'src/rest/openapi/'],
};

const LINES_MAX = 400;

const PURE = /^src\/(sched\/|server\/controllers\/|agent\/plan)/;

type Source = { readonly file: string; readonly text: string; readonly imports: readonly string[] };

const sources: readonly Source[] = globSync('src/**/*.ts')
  .filter((file) => !file.includes('/generated/'))
  .map((file) => {
    const text = readFileSync(file, 'utf8');
    return { file, text, imports: importsOf(text) };
  });

const production = sources.filter(({ file }) => !file.endsWith('.test.ts'));

function importsOf(text: string): readonly string[] {
  const statements = text.matchAll(
    /^(?:import|export)\s[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
  );
  return [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function folderOf(file: string): string {
  return file === 'src/main.ts' || file === 'src/worker.ts' ? 'main' : (file.split('/')[1] ?? '');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function violations(check: (source: Source) => readonly string[]): readonly string[] {
  return production.flatMap((source) => check(source).map((what) => `${source.file}: ${what}`));
}

test('there are sources to look at', () => {
  expect(production.length).toBeGreaterThan(50);
});

test('folders import only what the import table allows', () => {
  const wrong = violations(({ file, imports }) =>
    imports.flatMap((specifier) => {
      if (specifier.startsWith('#')) {
        const target = specifier.slice(1).split('/')[0] ?? '';
        if (target === folderOf(file)) return [`imports its own folder as ${specifier}: use a relative path`];
        return MAY_IMPORT[folderOf(file)]?.includes(target) === true ? [] : [`may not import ${specifier}`];
      }
      if (!specifier.startsWith('.')) return [];
      const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
      if (folderOf(file) === 'main') return [];
      return folderOf(target) === folderOf(file) ? [] : [`reaches ${target} by a relative path`];
    }),
  );
  expect(wrong).toEqual([]);
});

test('third-party packages are imported only in their own places', () => {
  const wrong = violations(({ file, imports }) =>
    imports
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('#') && !specifier.startsWith('node:'))
      .filter((specifier) => PACKAGES[packageOf(specifier)]?.some((place) => file.startsWith(place)) !== true)
      .map((specifier) => `may not import ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test('every package of the table is a dependency, and every dependency stands in the table', () => {
  // JSON.parse gives any; the test itself would fail on another shape.
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  expect(Object.keys(manifest.dependencies).toSorted()).toEqual(Object.keys(PACKAGES).toSorted());
});

test('no source file is too long', () => {
  const wrong = violations(({ text }) => {
    const lines = text.split('\n').length - 1;
    return lines > LINES_MAX ? [`${lines} lines, more than ${LINES_MAX}`] : [];
  });
  expect(wrong).toEqual([]);
});

test('the pure core knows no clock, no chance and no Node', () => {
  const wrong = production
    .filter(({ file }) => PURE.test(file))
    .flatMap(({ file, text, imports }) => [
      ...imports
        .filter((specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier))
        .map((specifier) => `${file}: imports ${specifier}`),
      ...[...text.matchAll(/\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|process\.|console\.)/g)].map(
        (match) => `${file}: ${match[0]}`,
      ),
    ]);
  expect(wrong).toEqual([]);
});

test('time and chance live in src/lib only, the environment in main.ts only', () => {
  const wrong = violations(({ file, text }) => [
    ...(file.startsWith('src/lib/')
      ? []
      : [
          ...text.matchAll(
            /\b(Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(|performance\.now\(|randomUUID\(|randomBytes\()/g,
          ),
        ].map((m) => m[0])),
    ...(file === 'src/main.ts' ? [] : [...text.matchAll(/\bprocess\.env\b/g)].map((m) => m[0])),
  ]);
  expect(wrong).toEqual([]);
});

test('sources fit into one CommonJS bundle', () => {
  const wrong = violations(({ text }) => [...text.matchAll(/\bimport\.meta\b|^await /gm)].map((match) => match[0]));
  expect(wrong).toEqual([]);
});

test('nothing is left unfinished or switched off', () => {
  const wrong = sources.flatMap(({ file, text }) =>
    [...text.matchAll(/\b(TODO|FIXME|XXX)\b|\b(?:it|test|describe)\.(?:skip|only|todo)\b|@ts-ignore|@ts-expect-error/g)].map(
      (match) => `${file}: ${match[0]}`,
    ),
  );
  expect(wrong).toEqual([]);
});
