import type { Ids } from '#lib/ids.ts';
import type { Admission } from '#rest/admission.ts';
import { clusterIpAllocator } from './cluster-ip.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { joinTokens } from './join-token.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodePortAllocator } from './node-port.ts';
import { priority } from './priority.ts';
import { serviceAccount } from './service-account.ts';

/** The server's own admission plugins in the order they run, which is upstream's; allocators last, so that nothing is chosen for what is refused. */
export type AdmissionOptions = {
  /** Where cluster IPs come from; an IPv4 network of /12 to /30. */
  readonly serviceCidr?: string;
  readonly ids: Pick<Ids, 'random'>;
};

export const SERVICE_CIDR = '10.96.0.0/16';

/** Throws BadOption for a service network that can not be used. */
export function builtinAdmissions({ serviceCidr = SERVICE_CIDR, ids }: AdmissionOptions): readonly Admission[] {
  return [
    namespaceLifecycle,
    serviceAccount,
    priority,
    defaultTolerations,
    joinTokens,
    clusterIpAllocator(serviceCidr, ids.random),
    nodePortAllocator(ids.random),
  ];
}
