import { parseIp } from '#api/ip.ts';
import type { PodItem } from '#api/link/items.ts';
import type { HostPort } from '#net/wire/wiring.ts';

/** The host ports that a pod's containers ask for; a pod in the host's network has them by itself. */
export function hostPortsOf(item: PodItem, address: string): readonly HostPort[] {
  if (item.spec.hostNetwork === true) return [];
  return item.spec.containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, hostIP, containerPort, protocol = 'TCP' }): readonly HostPort[] => {
      const transport = protocol.toLowerCase();
      if (
        hostPort === undefined ||
        hostPort === 0 ||
        !canHostIp(hostIP) ||
        (transport !== 'tcp' && transport !== 'udp' && transport !== 'sctp')
      )
        return [];
      const from = hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0' ? {} : { hostAddress: hostIP };
      return [{ protocol: transport, hostPort, address, port: containerPort, ...from }];
    }),
  );
}

/** The API takes any text for an address, as upstream's; here it becomes a part of the node's rules. */
export function canHostIp(hostIP = ''): boolean {
  return hostIP === '' || parseIp(hostIP)?.family === 4;
}
