import type { PodItem } from '#api/link/items.ts';
import { domainOf, hostnameOf } from '../render/container-spec.ts';

/** A pod's hosts file, as upstream's kubelet writes it. */
export function hostsFile(item: PodItem, address: string | undefined, nodeHosts: string, clusterDomain: string): string {
  const aliases = (item.spec.hostAliases ?? []).map(({ ip, hostnames }) => [ip, ...(hostnames ?? [])].join('\t'));
  const added = aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases];
  if (item.spec.hostNetwork === true) {
    return ['# Kubernetes-managed hosts file (host network).', nodeHosts.trimEnd(), ...added, ''].join('\n');
  }
  const name = hostnameOf(item, clusterDomain).split('.')[0] ?? '';
  const domain = domainOf(item, clusterDomain);
  const own = address === undefined ? [] : [[address, ...(domain === undefined ? [] : [`${name}.${domain}`]), name].join('\t')];
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...own,
    ...added,
    '',
  ].join('\n');
}
