'use strict';
/*
 * What the executable runs first, and each of its threads: the bundle, by way of the code cache that was made with it. Node's own code cache of a
 * single executable is made by the Node that packs, which for a foreign architecture is the wrong one; and it holds no function that was not run.
 */
const { closeSync, openSync, readSync } = require('node:fs');
const { getAsset } = require('node:sea');
const { Script } = require('node:vm');

// Which script has the verb (bundle.ts); what is asked for in any other way is in the whole of it. A thread is told by who starts it (main.ts).
const SCRIPTS = new Map([
  ['server', 'server'],
  ['agent', 'agent'],
  ['get', 'cli'],
  ['create', 'cli'],
  ['delete', 'cli'],
  ['logs', 'cli'],
  ['version', 'cli'],
]);
const name = globalThis.skerryScript ?? SCRIPTS.get(process.argv[2]) ?? 'main';

/** With read(2): of the mapped file, each page that is read stays in memory (places.ts). */
function read(asset) {
  const { at, length } = JSON.parse(getAsset('places.json', 'utf8'))[asset];
  const bytes = Buffer.allocUnsafeSlow(length);
  const fd = openSync('/proc/self/exe');
  for (let done = 0, more = 1; done < length; done += more) {
    more = readSync(fd, bytes, done, length - done, at + done);
    if (more === 0) throw new Error('the executable is cut off');
  }
  closeSync(fd);
  return bytes;
}

const script = new Script(read(`${name}.cjs`).latin1Slice(), {
  filename: `skerry/${name}.cjs`,
  cachedData: read(`${name}.cache`),
});
if (script.cachedDataRejected)
  process.emitWarning('the code cache was rejected: every start is slower', { code: 'SKERRY_CODE_CACHE' });
script.runInThisContext()(module.exports, require, module, __filename, __dirname);
