import { systemClock } from '../../src/lib/clock.ts';
import { createDownloads } from '../../src/net/download.ts';
import { layoutIn } from '../../src/install/layout.ts';
import { releaseSource } from '../../src/install/release/release-source.ts';
import { programRunner, type RunProgram } from '../../src/install/run-program.ts';
import { upgrade } from '../../src/install/upgrade/upgrade.ts';

/** An upgrade that is killed as if by kill -9 at the nth thing that it says, shows or runs: `root url key nth`. Tells how many there were if it was not. */
const [root = '', url = '', key = '', nth = ''] = process.argv.slice(2);
let count = 0;
const pass = () => {
  count += 1;
  if (count === Number(nth)) process.kill(process.pid, 'SIGKILL');
};
const layout = layoutIn(root);
const runProgram = programRunner({});
const run: RunProgram = async (...call) => {
  pass();
  const ran = await runProgram(...call);
  pass();
  return ran;
};
const downloads = createDownloads({}, systemClock);
await upgrade(
  {
    layout,
    source: releaseSource(url, layout.download, downloads),
    architecture: 'x64',
    version: undefined,
    allowDowngrade: false,
    dataDir: '/nonexistent',
    releaseKeys: [key],
    run,
    services: {
      running: async () => (pass(), []),
      restart: async () => ({ atMs: 0, ended: undefined }),
      lastWords: async () => [],
    },
    clock: systemClock,
    say: pass,
    watch: () => undefined,
    progress: pass,
  },
  new AbortController().signal,
);
await downloads.close();
