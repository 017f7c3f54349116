import type { ObservedContainer } from '#agent/plan/observed.ts';

/** A container of a pod as a look at the engine finds it: running, with nothing special about it but what is said. */
export function observedContainer(more: Pick<ObservedContainer, 'id'> & Partial<ObservedContainer>): ObservedContainer {
  return {
    namespace: 'default',
    podName: 'web',
    podUid: 'uid-web',
    name: 'app',
    attempt: 0,
    sandboxAttempt: 0,
    hash: '',
    state: 'running',
    pid: 7,
    exitCode: 0,
    oomKilled: false,
    error: '',
    image: '',
    imageId: '',
    stopGraceMs: 0,
    ...more,
  };
}
