'use strict';
/* `pkg-sea.cjs CONFIG`: calls pkg's SEA function, which is not part of its public interface (its version is pinned), in a process with an environment of its own. */
const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea.js');

const { loader, ...options } = JSON.parse(process.argv[2]);
sea(loader, options).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
