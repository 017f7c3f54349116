import type { ObservedContainer } from '../plan/observed.ts';

/**
 * Containers that were seen running, good for as long as the engine is listened to and has said nothing of them since: an inspect is large where there are many services, and
 * nearly all that are made would find what was known.
 */
export type RunningContainers = {
  /** An inspect is begun; what is given is for `note`. */
  readonly ask: (id: string) => object;
  /** Its answer. Not kept where the engine has said something of the container meanwhile: that may be later. */
  readonly note: (container: ObservedContainer, asked: object) => void;
  readonly known: (id: string) => ObservedContainer | undefined;
  /** From now on it is heard what happens. */
  readonly listening: () => void;
  readonly heard: (id: string) => void;
  readonly deaf: () => void;
};

export function createRunningContainers(): RunningContainers {
  const running = new Map<string, ObservedContainer>();
  const asking = new Map<string, object>();
  let isListening = false;
  const forget = () => {
    running.clear();
    asking.clear();
  };
  return {
    ask: (id) => {
      const asked = {};
      if (isListening) asking.set(id, asked);
      return asked;
    },
    note: (container, asked) => {
      const { id, state } = container;
      if (asking.get(id) !== asked) return;
      asking.delete(id);
      if (state === 'running') running.set(id, container);
    },
    known: (id) => running.get(id),
    listening: () => {
      forget();
      isListening = true;
    },
    heard: (id) => {
      running.delete(id);
      asking.delete(id);
    },
    deaf: () => {
      forget();
      isListening = false;
    },
  };
}
