import { invalid, type FieldError } from '#api/field-error.ts';
import { isOwnLoadBalancer, type Service } from '#api/kinds/service.ts';
import { validateOrdinaryIp } from '#api/kinds/service/special-addresses.ts';
import type { Node } from '#api/kinds/node.ts';
import { invalidError } from '#api/status.ts';
import type { Admission, AdmissionState } from '#rest/admission.ts';
import { CONTROLLER_PREFIX } from '../auth/authorize.ts';
import type { ApiServerPlace } from '../controllers/service/kubernetes-service.ts';

/**
 * What a service of type LoadBalancer may not lead away from where it belongs: the port of ssh and the server's own, which its addresses are nodes', and,
 * in a status that somebody else writes, the address of a node or of the server. What a host listens on itself only its node sees.
 */
export function loadBalancers(apiServer: () => ApiServerPlace | undefined): Admission {
  return {
    name: 'LoadBalancers',
    validate: async ({ resource, subresource, verb, object, old, user, name, warn }, state) => {
      if (resource.id !== 'services' || verb === 'delete' || object === undefined) return;
      // Sound: the pipeline has checked them against the schema of their kind.
      const [next, before] = [object as Service, old as Service | undefined];
      const errors =
        subresource === ''
          ? portErrors(next, before, apiServer()?.port)
          : user.name === `${CONTROLLER_PREFIX}service-lb`
            ? []
            : await addressErrors(next, before, apiServer()?.address, state);
      if (errors.length > 0)
        throw invalidError({ group: '', name: 'Service' }, name === '' ? (next.metadata.name ?? '') : name, errors);
      if (subresource === '' && isOwnLoadBalancer(next) && (next.spec?.loadBalancerSourceRanges ?? []).length > 0)
        warn(
          'spec.loadBalancerSourceRanges: this server gives the service the addresses of nodes, and those let every client in',
        );
      if (subresource === '' && (next.spec?.externalIPs ?? []).length > 0)
        warn('spec.externalIPs: no node leads these addresses to the service in this release');
    },
  };
}

const SSH_PORT = 22;

/** Of what was there before nothing is said: it could never be changed again. */
function portErrors(next: Service, old: Service | undefined, serverPort: number | undefined): readonly FieldError[] {
  if (!isOwnLoadBalancer(next)) return [];
  const had = old !== undefined && isOwnLoadBalancer(old) ? (old.spec?.ports ?? []).map(({ port }) => port) : [];
  return (next.spec?.ports ?? []).flatMap(({ port, protocol = 'TCP' }, index) => {
    if (had.includes(port) || protocol !== 'TCP') return [];
    const path = `spec.ports[${index}].port`;
    if (port === SSH_PORT)
      return [
        invalid(path, port, 'nodes are reached by ssh there: their addresses are those of this service, so choose another port'),
      ];
    return port === serverPort ? [invalid(path, port, 'the server listens there: choose another port')] : [];
  });
}

async function addressErrors(
  next: Service,
  old: Service | undefined,
  serverAddress: string | undefined,
  state: AdmissionState,
): Promise<readonly FieldError[]> {
  const had = new Set((old?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  const ingress = next.status?.loadBalancer?.ingress ?? [];
  if (ingress.every(({ ip = '' }) => ip === '' || had.has(ip))) return [];
  const { items } = await state.list({ resource: 'nodes' });
  const nodes = (items as readonly Node[]).map(({ metadata, status }) => ({
    name: metadata.name ?? '',
    addresses: (status?.addresses ?? []).map(({ address }) => address),
  }));
  return ingress.flatMap(({ ip = '' }, index) => {
    if (ip === '' || had.has(ip)) return [];
    const path = `status.loadBalancer.ingress[${index}].ip`;
    const node = nodes.find(({ addresses }) => addresses.includes(ip));
    if (node !== undefined) return [invalid(path, ip, `it is the address of node "${node.name}", which would lose it`)];
    if (ip === serverAddress) return [invalid(path, ip, 'it is the address of the server, which nodes would then not reach')];
    return validateOrdinaryIp(ip, path);
  });
}
