import { join } from 'node:path';
import { containers, type RunningContainer } from '../lab/engine.ts';
import { run, waitFor } from '../lab/exec.ts';
import type { Host } from '../lab/host.ts';
import type { ImageRecipe } from '../lab/images.ts';
import type { Lab } from '../lab/lab.ts';

/** What the steps of the story share: the lab, kubectl, a place to speak, and the list of containers seen before the faults. */
export type Stage = {
  readonly lab: Lab;
  readonly say: (text: string) => void;
  readonly kubectl: (...argv: readonly string[]) => Promise<string>;
  /** As kubectl, with this on its standard input. */
  readonly kubectlWith: (input: string, ...argv: readonly string[]) => Promise<string>;
  /** As kubectl, and shows the command and its output to the audience. */
  readonly show: (...argv: readonly string[]) => Promise<void>;
  readonly manifest: (name: string) => string;
  /** Container id → why it was allowed to stop; whatever is not in here must still be running at the end. */
  readonly excused: Map<string, string>;
  before: readonly PlacedContainer[];
};

export type PlacedContainer = RunningContainer & { readonly node: string; readonly pod: string };

/** `signal`: the audience has left; no command goes on. */
export function createStage(lab: Lab, kubectl: string, say: (text: string) => void, signal?: AbortSignal): Stage {
  const options = signal === undefined ? {} : { signal };
  const call = (...argv: readonly string[]) => run(kubectl, ['--kubeconfig', lab.kubeconfig, ...argv], options);
  const callWith = (input: string, ...argv: readonly string[]) =>
    run(kubectl, ['--kubeconfig', lab.kubeconfig, ...argv], { ...options, input });
  return {
    lab,
    say,
    kubectl: call,
    kubectlWith: callWith,
    show: async (...argv) => {
      const output = await call(...argv);
      say([`$ kubectl ${argv.join(' ')}`, ...output.trimEnd().split('\n')].join('\n'));
    },
    manifest: (name) => join(import.meta.dirname, name),
    excused: new Map(),
    before: [],
  };
}

/** The images of the story; each says its name and version, then waits, and ends at once when asked to. `web` says it at port 8080 as well. */
export const IMAGES: readonly ImageRecipe[] = [
  image('web', 1, 'hostname > /www/index.html; httpd -p 8080 -h /www; '),
  image('web', 2, 'hostname > /www/index.html; httpd -p 8080 -h /www; '),
  image('sensor', 1),
  image('sensor', 2),
];

function image(name: string, version: number, serve = ''): ImageRecipe {
  const script = `echo ${name} version ${version} here on $(hostname); ${serve}trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done`;
  return { reference: `demo/${name}:${version}`, command: ['sh', '-c', script] };
}

/** The app containers (not the sandboxes) that run on a host. */
export async function appContainers(host: Host): Promise<readonly PlacedContainer[]> {
  const all = await containers(host.engineSocket());
  return all
    .filter(({ running, labels }) => running && (labels['io.skerry.container'] ?? '') !== '')
    .map((container) => ({ ...container, node: host.name, pod: podOf(container.name) }));
}

/** Containers are named skr_<container>_<pod>_<namespace>_<uid>_<attempt>. */
function podOf(containerName: string): string {
  return containerName.split('_')[2] ?? '';
}

export async function allAppContainers(lab: Lab): Promise<readonly PlacedContainer[]> {
  return (await Promise.all(lab.nodes.map(appContainers))).flat();
}

/** Waits until a node's Ready condition has this status. */
export async function waitForNode(
  stage: Stage,
  node: string,
  ready: 'True' | 'False' | 'Unknown',
  deadlineMs = 60_000,
): Promise<void> {
  await waitFor(
    `node ${node} to be Ready=${ready}`,
    async () => {
      const status = await stage.kubectl('get', 'node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
      return status === ready ? true : undefined;
    },
    deadlineMs,
    200,
  );
}
