import { SERVICE_ADDRESS } from '../wire/rules.ts';

/**
 * Where a node's name server is. UDP is bound to the address itself, which a resolver that is bound to every address leaves free; TCP is not (such a one holds its port 53, or does
 * not start), so it listens on a high port, to which the table of services leads port 53: by dnat, as a pod's interface has no address that a redirect could lead to.
 */
export const DNS_ADDRESS = SERVICE_ADDRESS;
export const DNS_PORT = 53;
/** Below the range that the kernel takes ports of outgoing connections from. */
export const DNS_TCP_PORT = 10_053;
