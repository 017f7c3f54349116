import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { Life } from '../support/fake-host.ts';
import type { History } from './history.ts';
import type { SimNode } from './sim-node.ts';

/** Looks over an agent's shoulder: what it stops must have been let go by someone who may, or must change; nothing is ever run twice. */
export function watchEngine(
  node: SimNode,
  runtime: Runtime,
  life: Life,
  history: History,
  violated: (what: string) => void,
): Runtime {
  const check = (id: string, deed: string) => {
    // What the dead still ask for does not happen.
    const why = life.alive ? whyNot(node, id, history) : undefined;
    if (why !== undefined) violated(`${node.name} ${deed} ${why}`);
  };
  return {
    ...runtime,
    signalContainer: (id, name, signal) => {
      check(id, name ?? 'signals');
      return runtime.signalContainer(id, name, signal);
    },
    remove: (id, signal) => {
      check(id, 'removes');
      return runtime.remove(id, signal);
    },
  };
}

/** Why this container may not be stopped now; undefined: it may, or it has ended. */
function whyNot(node: SimNode, id: string, history: History): string | undefined {
  const container = node.host.engine.containers().find((each) => each.id === id);
  if (container === undefined || history.isReleased(container.podUid, node.name)) return undefined;
  if (container.state !== 'running' || node.outdated().has(id)) return undefined;
  const what = container.name === '' ? 'the sandbox' : container.name;
  return `${what} of pod ${container.podName} (${container.podUid}), which nobody has let go`;
}

/** What must hold of a node's engine at any moment; the sentences tell what does not. */
export function engineTroubles({ name, host: { engine } }: SimNode, history: History): readonly string[] {
  const running = engine.containers().filter(({ state }) => state === 'running');
  const places = running.map(({ podUid, name: container }) => `${podUid}/${container}`);
  const twice = places.filter((place, index) => places.indexOf(place) !== index);
  // A pod that was let go, and that a restored backup brought back, begins anew.
  const again = engine.starts.filter(
    (start, index) => engine.starts.indexOf(start) !== index && !history.isReleased(podUidOf(start), name),
  );
  return [
    ...twice.map((place) => `${name} runs ${place} twice at once`),
    ...again.map((start) => `${name} started ${start} a second time`),
  ];
}

/** `skr_<container>_<pod>_<namespace>_<uid>_<attempt>`. */
function podUidOf(containerName: string): string {
  return containerName.split('_')[4] ?? '';
}
