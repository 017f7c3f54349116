import { networkInterfaces } from 'node:os';
import { networkOf, type ClusterNetwork } from '#api/cluster-network.ts';
import { isInnerInterface } from '#lib/inner-interface.ts';
import { kubernetesServiceIp } from '../controllers/service/kubernetes-service.ts';

/** The names and addresses of this machine, as far as it knows them: what the server's certificate must be good for. */
export function serverHosts(hostname: string, listenHost: string): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((entries = []) => entries.map(({ address }) => address));
  // Link-local addresses carry a zone and change with each interface.
  const lasting = addresses.filter((address) => !address.startsWith('fe80:'));
  return [...new Set([hostname.toLowerCase(), listenHost, ...lasting])].filter((host) => host !== '').toSorted();
}

/** By which pods find the API: the address and the full name of its Service. */
export function clusterHosts({ serviceCIDR, clusterDomain }: ClusterNetwork): readonly string[] {
  return [kubernetesServiceIp(networkOf(serviceCIDR)), `kubernetes.default.svc.${clusterDomain}`];
}

/** Those that other machines know this one by: not those of engines, of pods, or that each interface gives itself. */
export function lanAddresses(): readonly string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    isInnerInterface(name)
      ? []
      : entries
          .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/.test(address))
          .map(({ address }) => address),
  );
}
