import type { KnownEndpoint } from './service-view.ts';

/**
 * Which endpoints of a service are given new connections. In this order, the first that there are: those that are ready; those that terminate and still serve
 * (they drain); those of which it is not known whether they can be reached, which may be better than none. One that this node knows to be dead is not in
 * its view at all. Pure.
 */
export type TrafficPolicy = 'Cluster' | 'Local';

export function chooseEndpoints(endpoints: readonly KnownEndpoint[], policy: TrafficPolicy): readonly KnownEndpoint[] {
  const candidates = policy === 'Local' ? endpoints.filter(({ isLocal }) => isLocal) : endpoints;
  const known = candidates.filter(({ isDoubtful }) => !isDoubtful);
  const doubtful = candidates.filter(({ isDoubtful }) => isDoubtful);
  return (
    [known.filter(isReady), known.filter(isDraining), doubtful.filter(isReady), doubtful.filter(isDraining)].find(
      ({ length }) => length > 0,
    ) ?? []
  );
}

/** As the API says it: also where the service publishes addresses that are not ready. */
export const isReady = ({ unready }: Pick<KnownEndpoint, 'unready'>): boolean => unready !== true;

const isDraining = ({ terminating, notServing }: KnownEndpoint): boolean => terminating === true && notServing !== true;

export function policyOf(text: string | undefined): TrafficPolicy {
  return text === 'Local' ? 'Local' : 'Cluster';
}
