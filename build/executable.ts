import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { buildAll } from './executable/build-all.ts';
import { TARGETS, targetNamed } from './executable/targets.ts';

/** `npm run build [-- --arch x64]`: makes dist/skerry-linux-<arch>, without keys: `skerry upgrade` of it takes no release. */
const HELP = `npm run build [-- --arch x64|arm64 …]

Makes dist/skerry-linux-<arch>, for both architectures where none is named. Installs the compilers that are missing (as root).`;

const say = (text: string) => console.error(`build: ${text}`);

try {
  const { values } = parseArgs({ options: { arch: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) console.log(HELP);
  else {
    const targets = (values.arch ?? Object.keys(TARGETS)).map(targetNamed);
    const folder = join(import.meta.dirname, '../dist');
    for (const { output } of await buildAll(targets, {
      folder,
      version: manifest.version,
      releaseKeys: [],
      releaseUrl: undefined,
      say,
    }))
      say(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
  }
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
