import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { Life } from '../support/fake-host.ts';
import type { History } from './history.ts';
import type { SimNode } from './sim-node.ts';

/**
 * Looks over an agent's shoulder, at each of its calls to the engine: what it stops must have been let go by someone who may, or must
 * change; nothing is run twice, and nothing that has run to its end is run again.
 */
export class EngineWatch {
  readonly #node: SimNode;
  readonly #history: History;
  readonly #violated: (what: string) => void;
  readonly #started = new Set<string>();
  #checked = 0;

  constructor(node: SimNode, history: History, violated: (what: string) => void) {
    this.#node = node;
    this.#history = history;
    this.#violated = violated;
  }

  /** The engine as one process of the agent gets it. */
  over(runtime: Runtime, life: Life): Runtime {
    const check = (id: string, deed: string) => {
      // What the dead still ask for does not happen.
      const why = life.alive ? this.#whyNot(id) : undefined;
      if (why !== undefined) this.#violated(`stopped: ${this.#node.name} ${deed} ${why}`);
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

  /** What must hold of a node's engine at any moment. */
  check(): void {
    const { name: node, host } = this.#node;
    const { engine } = host;
    const running = engine.containers().filter(({ state }) => state === 'running');
    const places = running.map(({ podUid, name }) => `${podUid}/${name}`);
    for (const [index, place] of places.entries())
      if (places.indexOf(place) !== index) this.#violated(`twice: ${node} runs ${place} twice at once`);
    const addresses = [...host.wired.values()].map(({ address }) => address);
    for (const [index, address] of addresses.entries())
      if (addresses.indexOf(address) !== index) this.#violated(`twice: ${node} gave ${address} to two pods`);
    for (; this.#checked < engine.starts.length; this.#checked += 1) this.#checkStart(engine.starts[this.#checked] ?? '');
  }

  #checkStart(start: string): void {
    const { name: node } = this.#node;
    const uid = podUidOf(start);
    // A pod that was let go, and that a restored backup brought back, begins anew.
    if (this.#history.isReleased(uid, node) || this.#node.hasNoTrace(uid)) return;
    if (this.#started.has(start) && !this.#isIdleSandbox(start)) this.#violated(`again: ${node} started ${start} a second time`);
    this.#started.add(start);
    if (this.#history.hasEnded(uid, node)) this.#violated(`ended: ${node} started ${start} of a pod that has run to its end`);
  }

  /** Nothing has run in it: where somebody removed it, its attempt has not been used up. */
  #isIdleSandbox(start: string): boolean {
    const uid = podUidOf(start);
    return isSandbox(start) && ![...this.#started].some((each) => podUidOf(each) === uid && !isSandbox(each));
  }

  /** Why this container may not be stopped now; undefined: it may, or it has ended. */
  #whyNot(id: string): string | undefined {
    const node = this.#node;
    const containers = node.host.engine.containers();
    const container = containers.find((each) => each.id === id);
    if (container === undefined || this.#history.isReleased(container.podUid, node.name)) return undefined;
    if (container.state !== 'running' || node.outdated().has(id) || node.isOver(container.podUid)) return undefined;
    const { name, podName, podUid, sandboxAttempt } = container;
    const hasSandbox = containers.some(
      (each) => each.podUid === podUid && each.name === '' && each.attempt === sandboxAttempt && each.state === 'running',
    );
    // Without its sandbox it has no network.
    if (!hasSandbox) return undefined;
    return `${name === '' ? 'the sandbox' : name} of pod ${podName} (${podUid}), which nobody has let go`;
  }
}

function isSandbox(containerName: string): boolean {
  return containerName.split('_')[1] === 'POD';
}

/** `skr_<container>_<pod>_<namespace>_<uid>_<attempt>`. */
function podUidOf(containerName: string): string {
  return containerName.split('_')[4] ?? '';
}
