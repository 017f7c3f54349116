'use strict';
/*
 * Run by the target's own Node: `make-code-cache.cjs BUNDLE NAME OUT [ARG…]`. Writes V8's cache of the bundle's code to OUT. With arguments the program is run
 * with them first, so that the functions that every start needs are in it, compiled.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const [bundle, name, out, ...args] = process.argv.slice(2);
const script = new Script(readFileSync(bundle, 'latin1'), { filename: `skerry/${name}.cjs` });
process.on('exit', () => {
  writeFileSync(out, script.createCachedData());
  // The run itself may fail: it is for its functions.
  process.exitCode = 0;
});
if (args.length > 0) {
  process.argv = [process.execPath, process.execPath, ...args];
  script.runInThisContext()(module.exports, require, module, __filename, __dirname);
}
