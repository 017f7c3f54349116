import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '#lib/clock.ts';
import { askThroughRedirect } from '#net/services/ask-through-redirect.ts';
import { createServiceRules } from '#net/services/service-rules.ts';
import { runCommand } from '#net/wire/command.ts';
import { end, waitFor } from '../../scripts/lab/exec.ts';
import { TABLE, commandOf, type BackendName } from '../support/service-world.ts';
import { manyServices, oneService, type Programmed } from './many-services.ts';

/**
 * In a node's network namespace (service-world.ts): brings many services into its kernel, changes them one by one, and prints what each took.
 * `node services-child.ts <backend>`
 */
const UPDATES = 25;
const SETTLED_MS = 20;
const { signal } = new AbortController();
// Given by services.ts.
const run = commandOf(process.argv[2] as BackendName, runCommand);
const create = () => createServiceRules({ run, isStanding: () => askThroughRedirect(TABLE.address, systemClock, signal) });

const rules = create();
const all = [...manyServices()];
await rules.ensure(TABLE, signal);
const since = performance.now();
await rules.ensure({ ...TABLE, ports: all }, signal);
const whole = performance.now() - since;

/** When the kernel last announced that it goes by new rules. */
let committed = 0;
const monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
createInterface(monitor.stdout).on('line', (line) => {
  if (line.startsWith('# new generation')) committed = performance.now();
});
let turn = 0;
const change = async () => {
  turn += 1;
  all[turn] = oneService(turn, turn);
  const started = performance.now();
  await rules.ensure({ ...TABLE, ports: [...all] }, signal);
  return { started, ended: performance.now() };
};
const updates: Programmed['updates'][number][] = [];
try {
  await waitFor('nft monitor to listen', async () => (await change()) && committed > 0);
  while (updates.length < UPDATES) {
    // What the one before had announced late is not this one's.
    await setTimeout(SETTLED_MS);
    const { started, ended } = await change();
    await waitFor('the announcement', () => committed > started, 1000, 1);
    await setTimeout(SETTLED_MS);
    updates.push({ committed: committed - started, ended: ended - started });
  }
} finally {
  await end(monitor);
}

const begun = performance.now();
await create().ensure({ ...TABLE, ports: all }, signal);
const measured: Programmed = { whole, updates, again: performance.now() - begun };
console.log(JSON.stringify(measured));
