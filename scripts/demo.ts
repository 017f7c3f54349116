import { explain } from '#lib/error.ts';
import { createStage } from './demo/stage.ts';
import { STEPS, seconds } from './demo/steps.ts';
import { createLab } from './lab/lab.ts';
import { KUBECTL, LAB, ensure, findProgram } from './lab/requirements.ts';

/** `npm run demo`: the story of the product, told with stock kubectl on hosts made of namespaces; `-- --keep` leaves them running. */

const keep = process.argv.includes('--keep');
const colour = process.stdout.isTTY;
const bold = (text: string) => (colour ? `\u001b[1m${text}\u001b[0m` : text);
const dim = (text: string) => (colour ? `\u001b[2m${text}\u001b[0m` : text);
const say = (text: string) => console.log(text.replaceAll(/^/gm, '    '));

process.exitCode = await demo();

async function demo(): Promise<number> {
  try {
    await step(0, 'install what is missing', () => ensure([...LAB, KUBECTL], say));
  } catch (error) {
    return fail(error);
  }
  const lab = await createLab({ nodes: 3 });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const interrupted = new Promise<never>((_, reject) =>
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error)),
  );
  try {
    const stage = createStage(lab, findProgram('kubectl') ?? 'kubectl', say);
    for (const [at, { title, run }] of STEPS.entries()) await step(at + 1, title, () => Promise.race([run(stage), interrupted]));
    console.log(bold('\nNothing was restarted that had not stopped.'));
    if (!keep) return 0;
    console.log(
      `\nThe lab is left running:\n  export KUBECONFIG=${lab.kubeconfig}\n  kubectl get pods -A -o wide\n  nodes: ${lab.nodes.map(({ name, address }) => `${name} ${address}`).join(', ')}\n  logs and disks: ${lab.root}\nEnd it with Ctrl-C (or kill ${process.pid}).`,
    );
    return await interrupted.catch(() => 0);
  } catch (error) {
    console.error(`    logs of the server and the agents: ${await tailLogs()}`);
    return fail(error);
  } finally {
    await step(STEPS.length + 1, 'clean up', () => lab.remove());
  }

  async function tailLogs(): Promise<string> {
    const { tryRun } = await import('./lab/exec.ts');
    const files = [lab.server.logFile('server'), ...lab.nodes.map((host) => host.logFile('agent'))];
    return (await tryRun('tail', ['-n', '8', ...files])).stdout;
  }
}

async function step(number: number, title: string, work: () => Promise<void>): Promise<void> {
  console.log(`${bold(`[${number}/${STEPS.length + 1}] ${title}`)}`);
  const since = performance.now();
  await work();
  console.log(dim(`    took ${seconds(performance.now() - since)}`));
}

function fail(error: unknown): number {
  console.error(`demo: ${explain(error)}`);
  return 1;
}
