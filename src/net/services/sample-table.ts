import { SERVICE_ADDRESS } from '../wire/rules.ts';
import type { ServiceTable } from './service-table.ts';

/** One of everything that a table can ask for: whether a tool and the kernel can do it is found out by it. */
const BACKENDS = [
  { address: '10.32.0.1', port: 80 },
  { address: '10.32.0.2', port: 8080 },
];

const PORT = { port: 80, externalIps: [], internal: BACKENDS, external: BACKENDS } as const;

export const SAMPLE_TABLE: ServiceTable = {
  serviceCidr: '10.96.0.0/16',
  clusterCidr: '10.32.0.0/11',
  podCidr: '10.32.0.0/25',
  address: SERVICE_ADDRESS,
  ports: [
    { ...PORT, key: 'sample/tcp', protocol: 'tcp', clusterIp: '10.96.0.10', externalIps: ['192.0.2.1'], nodePort: 30080 },
    { ...PORT, key: 'sample/udp', protocol: 'udp', clusterIp: '10.96.0.11', nodePort: 30081, external: [], shortcut: BACKENDS },
    { ...PORT, key: 'sample/sticky', protocol: 'tcp', clusterIp: '10.96.0.12', affinitySeconds: 10_800 },
  ],
  redirects: [{ protocol: 'tcp', port: 53, toPort: 5353 }],
  untracked: [53],
};

export const SAMPLE_ZONES: ReadonlyMap<string, number> = new Map([
  ['10.96.0.11:80', 257],
  ['*:30081', 257],
]);
