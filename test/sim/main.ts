import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

/**
 * `npm run sim -- --seed 7` tells the story of one seed, with `--verbose` also every commit, every deed of an engine and what the parts log;
 * `--from 1 --seeds 1000` runs many and tells of those that fail.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    steps: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
for (const [flag, value] of Object.entries(values))
  if (typeof value === 'string' && !/^\d+$/.test(value))
    throw new Error(`--${flag} takes a whole number, not ${JSON.stringify(value)}`);
const options = values.steps === undefined ? {} : { steps: Number(values.steps) };

if (values.seed !== undefined) {
  const { trace, violation, hash } = await simulate(Number(values.seed), { ...options, verbose: values.verbose });
  console.log(trace.join('\n'));
  console.log(`seed ${values.seed}: ${violation ?? 'no violation'} (trace ${hash})`);
  if (violation !== undefined) process.exitCode = 1;
} else {
  const from = Number(values.from);
  const failed: number[] = [];
  const since = performance.now();
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const { violation } = await simulate(seed, options);
    if (violation === undefined) continue;
    failed.push(seed);
    console.log(`seed ${seed}: ${violation}`);
  }
  const seconds = (performance.now() - since) / 1000;
  console.log(`${values.seeds} seeds in ${seconds.toFixed(1)} s, ${failed.length} failed: ${failed.join(' ')}`);
  if (failed.length > 0) process.exitCode = 1;
}
