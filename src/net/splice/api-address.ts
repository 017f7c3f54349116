import { SERVICE_ADDRESS } from '../wire/rules.ts';

/**
 * Where a node serves the API to its pods: the table of services leads the address of `default/kubernetes` there. Below the range that the kernel takes ports
 * of outgoing connections from, and below that of node ports.
 */
export const API_ADDRESS = SERVICE_ADDRESS;
export const API_PORT = 26_443;
