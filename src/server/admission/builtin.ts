import { DEFAULT_NETWORK } from '#api/cluster-network.ts';
import type { Ids } from '#lib/ids.ts';
import type { Admission } from '#rest/admission.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { ApiServerPlace } from '../controllers/service/kubernetes-service.ts';
import { clusterIpAllocator } from './cluster-ip.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { escalation } from './escalation.ts';
import { joinTokens } from './join-token.ts';
import { loadBalancers } from './load-balancer.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodePortAllocator } from './node-port.ts';
import { priority } from './priority.ts';
import { serviceAccount } from './service-account.ts';

/** The server's own admission plugins in the order they run, which is upstream's; allocators last, so that nothing is chosen for what is refused. */
export type AdmissionOptions = {
  /** Where cluster IPs come from, as it was settled at the start. Default: that of DEFAULT_NETWORK. */
  readonly serviceCIDR?: string;
  /** Where the server itself is found; undefined as long as it is not known. */
  readonly apiServer?: () => ApiServerPlace | undefined;
  readonly authorizer: Authorizer;
  readonly ids: Pick<Ids, 'random' | 'suffix'>;
};

export function builtinAdmissions(options: AdmissionOptions): readonly Admission[] {
  const { serviceCIDR = DEFAULT_NETWORK.serviceCIDR, apiServer = () => undefined, authorizer, ids } = options;
  return [
    namespaceLifecycle,
    serviceAccount(ids),
    priority,
    defaultTolerations,
    joinTokens,
    loadBalancers(apiServer),
    clusterIpAllocator(serviceCIDR, ids.random),
    nodePortAllocator(ids.random, () => apiServer()?.port),
    escalation(authorizer),
  ];
}
