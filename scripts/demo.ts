import { parseArgs } from 'node:util';
import { explain } from '#lib/error.ts';
import { createStage } from './demo/stage.ts';
import { STEPS, seconds } from './demo/steps.ts';
import { tryRun } from './lab/exec.ts';
import { createLab, type Lab } from './lab/lab.ts';
import { KUBECTL, LAB, ensure, findProgram } from './lab/requirements.ts';

/** `npm run demo`: the story of the product, told with stock kubectl on hosts made of namespaces; `-- --keep` leaves them running. */

const HELP = `npm run demo [-- --keep]

Tells the story of the product on hosts made of namespaces, and takes them away again.
  --keep   leave the lab running at the end, and say how to reach it

Example:
  npm run demo -- --keep`;

const { keep, help } = flags();
const colour = process.stdout.isTTY;
const bold = (text: string) => (colour ? `\u001b[1m${text}\u001b[0m` : text);
const dim = (text: string) => (colour ? `\u001b[2m${text}\u001b[0m` : text);
const say = (text: string) => console.log(text.replaceAll(/^/gm, '    '));

// Steps that were interrupted may still wait for something that will never be: nobody waits for them.
process.exit(help ? (console.log(HELP), 0) : await demo());

function flags(): { readonly keep: boolean; readonly help: boolean } {
  const off = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { keep: off, help: { ...off, short: 'h' } } }).values;
  } catch (error) {
    console.error(`demo: ${explain(error)}\n\n${HELP}`);
    return process.exit(2);
  }
}

async function demo(): Promise<number> {
  const stop = abortedBySignals();
  let lab: Lab | undefined;
  let code = 1;
  try {
    await step(0, 'install what is missing', () => ensure([...LAB, KUBECTL], say));
    lab = await createLab({ nodes: 3 });
    await tell(lab, stop);
    code = 0;
  } catch (error) {
    if (lab !== undefined && !stop.aborted) console.error(`    logs of the server and the agents: ${await tailLogs(lab)}`);
    console.error(`demo: ${explain(error)}`);
  }
  try {
    if (lab !== undefined) await step(STEPS.length + 1, 'clean up', lab.remove);
  } catch (error) {
    console.error(`demo: clean up: ${explain(error)}`);
    return 1;
  }
  return code;
}

async function tell(lab: Lab, stop: AbortSignal): Promise<void> {
  const interrupted = new Promise<never>((_, reject) => stop.addEventListener('abort', () => reject(stop.reason as Error)));
  const stage = createStage(lab, findProgram('kubectl') ?? 'kubectl', say, stop);
  for (const [at, { title, run }] of STEPS.entries()) {
    stop.throwIfAborted();
    await step(at + 1, title, () => Promise.race([run(stage), interrupted]));
  }
  console.log(bold('\nNothing was restarted that had not stopped.'));
  if (!keep) return;
  console.log(
    `\nThe lab is left running:\n  export KUBECONFIG=${lab.kubeconfig}\n  kubectl get pods -A -o wide\n  nodes: ${lab.nodes.map(({ name, address }) => `${name} ${address}`).join(', ')}\n  logs and disks: ${lab.root}\nEnd it with Ctrl-C, or from elsewhere with: kill ${process.pid}`,
  );
  await interrupted.catch(() => undefined);
}

/** Aborted by the first signal. Later ones change nothing: what was made is taken away all the same. */
function abortedBySignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  return stop.signal;
}

async function step(number: number, title: string, work: () => Promise<void>): Promise<void> {
  console.log(`${bold(`[${number}/${STEPS.length + 1}] ${title}`)}`);
  const since = performance.now();
  await work();
  console.log(dim(`    took ${seconds(performance.now() - since)}`));
}

async function tailLogs(lab: Lab): Promise<string> {
  const files = [lab.server.logFile('server'), ...lab.nodes.map((host) => host.logFile('agent'))];
  return (await tryRun('tail', ['-n', '8', ...files])).stdout;
}
