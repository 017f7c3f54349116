import { systemClock } from '#lib/clock.ts';
import { askThroughRedirect } from '#net/services/ask-through-redirect.ts';
import { createServiceRules } from '#net/services/service-rules.ts';
import { runCommand } from '#net/wire/command.ts';
import { TABLE, commandOf, type BackendName } from '../support/service-world.ts';
import { manyServices, oneService, type Programmed } from './many-services.ts';

/** In a node's network namespace (service-world.ts): brings many services into its kernel, changes them one by one, and prints what each took. `node services-child.ts <backend>` */
const UPDATES = 25;
const { signal } = new AbortController();
// Given by services.ts.
const run = commandOf(process.argv[2] as BackendName, runCommand);
const create = () => createServiceRules({ run, isStanding: () => askThroughRedirect(TABLE.address, systemClock, signal) });

const rules = create();
const all = [...manyServices()];
await rules.ensure(TABLE, signal);
const whole = await timed(() => rules.ensure({ ...TABLE, ports: all }, signal));
const updates: number[] = [];
for (let turn = 1; turn <= UPDATES; turn += 1) {
  all[turn] = oneService(turn, turn);
  updates.push(await timed(() => rules.ensure({ ...TABLE, ports: [...all] }, signal)));
}
const again = await timed(() => create().ensure({ ...TABLE, ports: all }, signal));
const measured: Programmed = { whole, updates, again };
console.log(JSON.stringify(measured));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}
