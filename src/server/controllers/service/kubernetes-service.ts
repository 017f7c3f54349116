/**
 * The Service by which pods find the API, default/kubernetes, and what stands behind it (pkg/controlplane/controller/kubernetesservice): the first address of
 * the service network, port 443. Whoever deletes or bends it gets it back. How a node leads there is the node's affair: it goes by its own link.
 */
import { semanticEqual } from '#api/equal.ts';
import { SERVICE_NAME_LABEL, type EndpointSlice } from '#api/kinds/endpoint-slice.ts';
import type { Endpoints } from '#api/kinds/endpoints.ts';
import type { Service } from '#api/kinds/service.ts';
import { formatIp, networkBits, type IpNetwork } from '#api/ip.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../../view.ts';
import { deleteChange, mergePatch, updateChange } from '../changes.ts';
import type { Controller } from '../controller.ts';
import { ENDPOINTS } from './endpoints.ts';
import { SKIP_LABEL } from './mirroring.ts';
import { SERVICES } from './service-pods.ts';
import { SLICES } from './slices.ts';

export const KUBERNETES_SERVICE = 'kubernetes-service';
const NAMESPACE = 'default';
const NAME = 'kubernetes';
const KEY = `${NAMESPACE}/${NAME}`;
const PORT = 443;
const PORT_NAME = 'https';

/** Where the server is found by others on its networks; no address: none that means anything to them. */
export type ApiServerPlace = { readonly address: string | undefined; readonly port: number };

/** `place`: undefined before it is known; `serviceCidr`: parsed and found good where the options are read. */
export function kubernetesService(serviceCidr: IpNetwork, place: () => ApiServerPlace | undefined): Controller {
  const clusterIp = kubernetesServiceIp(serviceCidr);
  return {
    name: KUBERNETES_SERVICE,
    keysOf: ({ resource, before, after }) => {
      const object = after ?? before;
      if (object === undefined) return [];
      const concerns = isKubernetesService(object) && [SERVICES, ENDPOINTS, SLICES].includes(resource);
      return concerns || (resource === 'namespaces' && object.metadata.name === NAMESPACE) ? [KEY] : [];
    },
    keys: () => [KEY],
    reconcile: (_key, view) => {
      const at = place();
      if (at === undefined || view.get('namespaces', '', NAMESPACE) === undefined) return { changes: [] };
      return { changes: [...serviceChanges(clusterIp, at.port, view), ...endpointsChanges(at, view), ...sliceChanges(at, view)] };
    },
  };
}

/** Also of its Endpoints and its slice, which have the same name. */
export function isKubernetesService({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  return metadata.namespace === NAMESPACE && metadata.name === NAME;
}

/** The first address after the network's own. */
export function kubernetesServiceIp({ address, prefix }: IpNetwork): string {
  return formatIp({ family: address.family, bits: networkBits(address, prefix) + 1n });
}

function serviceChanges(clusterIP: string, targetPort: number, view: View): readonly Change[] {
  const ports = [{ name: PORT_NAME, port: PORT, protocol: 'TCP', targetPort }];
  // Sound: the store keeps under these resources only objects of their kinds.
  const old = view.get(SERVICES, NAMESPACE, NAME) as Service | undefined;
  if (old !== undefined) {
    if (old.metadata.deletionTimestamp !== undefined) return [];
    // An address can not be changed; by its deletion this key comes back.
    if ((old.spec?.clusterIP ?? clusterIP) !== clusterIP) return [deleteChange(SERVICES, old)];
    const isGood =
      old.spec?.type === 'ClusterIP' && semanticEqual(old.spec.ports, ports) && Object.keys(old.spec.selector ?? {}).length === 0;
    return isGood
      ? []
      : [mergePatch(SERVICES, old, { spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports, selector: null } })];
  }
  const metadata = { name: NAME, namespace: NAMESPACE, labels: { component: 'apiserver', provider: 'kubernetes' } };
  const spec = { type: 'ClusterIP', clusterIP, sessionAffinity: 'None', ports };
  return [{ verb: 'create', resource: SERVICES, object: { apiVersion: 'v1', kind: 'Service', metadata, spec } }];
}

function endpointsChanges({ address, port }: ApiServerPlace, view: View): readonly Change[] {
  const subsets =
    address === undefined ? [] : [{ addresses: [{ ip: address }], ports: [{ name: PORT_NAME, port, protocol: 'TCP' }] }];
  const old = view.get(ENDPOINTS, NAMESPACE, NAME) as Endpoints | undefined;
  const labels = { [SKIP_LABEL]: 'true' };
  if (old !== undefined) {
    if (semanticEqual(old.subsets, subsets) && old.metadata.labels?.[SKIP_LABEL] === 'true') return [];
    return [
      updateChange(ENDPOINTS, old, { metadata: { ...old.metadata, labels: { ...old.metadata.labels, ...labels } }, subsets }),
    ];
  }
  const metadata = { name: NAME, namespace: NAMESPACE, labels };
  return [{ verb: 'create', resource: ENDPOINTS, object: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets } }];
}

function sliceChanges({ address, port }: ApiServerPlace, view: View): readonly Change[] {
  const endpoints = address === undefined ? [] : [{ addresses: [address], conditions: { ready: true } }];
  const ports = [{ name: PORT_NAME, port, protocol: 'TCP' }];
  const labels = { [SERVICE_NAME_LABEL]: NAME };
  const old = view.get(SLICES, NAMESPACE, NAME) as EndpointSlice | undefined;
  if (old !== undefined) {
    const isGood =
      semanticEqual(old.endpoints, endpoints) &&
      semanticEqual(old.ports, ports) &&
      old.metadata.labels?.[SERVICE_NAME_LABEL] === NAME;
    if (isGood) return [];
    const metadata = { ...old.metadata, labels: { ...old.metadata.labels, ...labels } };
    return [updateChange(SLICES, old, { metadata, endpoints, ports })];
  }
  const metadata = { name: NAME, namespace: NAMESPACE, labels };
  const object = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4', endpoints, ports };
  return [{ verb: 'create', resource: SLICES, object }];
}
