import { digestOf } from '../../src/api/link/statement.ts';
import { chooseEndpoints } from '../../src/agent/services/choose-endpoints.ts';
import type { Service } from '../../src/api/kinds/service.ts';
import { selectsLabels } from '../../src/api/kinds/service/endpoints.ts';
import type { Node } from '../../src/api/kinds/node.ts';
import type { Pod } from '../../src/api/kinds/pod.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { wantedIndex } from '../support/wanted-index.ts';
import { serviceDifferences } from './service-differences.ts';
import type { SimNode } from './sim-node.ts';
import type { SimServer } from './sim-server.ts';
import type { World } from './simulation.ts';

/** What keeps the cluster from being at rest, each as a sentence: nodes do what they are told, the server knows it, the owners are content. */
export function differences({ server, nodes }: World): readonly string[] {
  if (server === undefined) return ['the server is down'];
  const pods = server.store.view().list('pods') as readonly Pod[];
  return [
    ...(server.idle() ? [] : ['the loops are at work']),
    ...pods.flatMap(unbound),
    ...nodes.flatMap((node) => {
      const bound = pods.filter(({ spec }) => spec?.nodeName === node.name);
      return [
        ...linkDifferences(server, node),
        ...nodeDifferences(server, node),
        ...bound.flatMap((pod) => podDifferences(node, pod)),
        ...leftovers(node, bound),
        ...choiceDifferences(server, node, pods),
      ];
    }),
    ...addressDifferences(nodes),
    ...ownerDifferences(server, pods),
    ...serviceDifferences(server.store.view()),
  ];
}

function unbound({ metadata, spec }: Pod): readonly string[] {
  return (spec?.nodeName ?? '') === '' ? [`pod ${metadata.name} is bound to no node`] : [];
}

function linkDifferences({ store, clock }: SimServer, { name, ledger }: SimNode): readonly string[] {
  const held = ledger?.held();
  if (ledger === undefined || held === undefined) return [`${name} holds no document`];
  const { lastSeq, ackedSeq } = ledger.outbox();
  return [
    ...(held.signed.statement.incarnation === store.incarnation().id ? [] : [`${name} holds another incarnation`]),
    ...(digestOf(held.index) === digestOf(wantedIndex(store.view(), name, clock.now()))
      ? []
      : [`${name} holds another document`]),
    ...(ackedSeq === lastSeq ? [] : [`${name} has ${lastSeq - ackedSeq} records that the server has not taken`]),
  ];
}

/** Every node chooses the ready pods of each service, wherever they are. */
function choiceDifferences({ store }: SimServer, { name, services }: SimNode, pods: readonly Pod[]): readonly string[] {
  const known = services?.view().services ?? [];
  // Sound: services are stored there.
  const all = (store.view().list('services') as readonly Service[]).filter(({ spec }) => spec?.selector !== undefined);
  return all.flatMap((service) => {
    const of = `${service.metadata.namespace}/${service.metadata.name}`;
    const found = known.find(({ item }) => `${item.metadata.namespace}/${item.metadata.name}` === of);
    const chosen = chooseEndpoints(found?.endpoints ?? [], 'Cluster').map(({ address }) => address);
    const ready = pods
      .filter((pod) => selectsLabels(service, pod.metadata.labels) && isReady(pod))
      .map(({ status }) => status?.podIP ?? '');
    const [has, wants] = [chosen, ready].map((addresses) => addresses.toSorted().join(' '));
    return has === wants ? [] : [`${name} leads ${of} to ${has || 'nowhere'}, ready are ${wants || 'none'}`];
  });
}

function isReady({ metadata, status }: Pod): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return condition?.status === 'True' && metadata.deletionTimestamp === undefined;
}

function nodeDifferences({ store }: SimServer, { name }: SimNode): readonly string[] {
  // Sound: nodes are stored there.
  const node = store.view().get('nodes', '', name) as Node | undefined;
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
  const taints = (node?.spec?.taints ?? []).map(({ key }) => key);
  return [
    ...(ready?.status === 'True' ? [] : [`${name} is ${ready?.status ?? 'not known to be'} Ready: ${ready?.message ?? ''}`]),
    ...(taints.length === 0 ? [] : [`${name} has the taints ${taints.join(', ')}`]),
  ];
}

/** The server tells of a pod what is so, and what is so is what was asked for. */
function podDifferences({ name: node, host }: SimNode, { metadata, spec, status }: Pod): readonly string[] {
  const all = host.engine.containers().filter(({ podUid }) => podUid === metadata.uid);
  const [real] = all.filter(({ name, state }) => name === 'app' && state === 'running');
  const told = status?.containerStatuses?.find(({ name }) => name === 'app');
  const phase = status?.phase ?? '';
  const differ = (what: string) => [`pod ${metadata.name} on ${node}, ${phase}: ${what}`];
  if (metadata.deletionTimestamp !== undefined) return differ('it is still being deleted');
  if (phase === 'Succeeded' || phase === 'Failed') {
    const running = all.filter(({ state }) => state === 'running');
    if (spec?.restartPolicy === 'Always') return differ('it is to run for ever');
    return running.length === 0 ? [] : differ(`${running.length} of its containers run`);
  }
  if (phase !== 'Running' || real === undefined) return differ(`it ${real === undefined ? 'does not run' : 'runs'}`);
  const wanted = spec?.containers[0]?.image;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const address = host.wired.get(metadata.uid ?? '')?.address;
  return [
    ...(told?.containerID === `docker://${real.id}` && told.state?.running !== undefined
      ? []
      : differ(`the server knows ${told?.containerID ?? 'no container'}, real is ${real.id}`)),
    ...(told?.restartCount === real.attempt ? [] : differ(`${told?.restartCount} restarts are told, real are ${real.attempt}`)),
    ...(real.image === wanted ? [] : differ(`it runs ${real.image} in place of ${wanted}`)),
    ...(ready === 'True' ? [] : differ('it is not Ready')),
    ...(address !== undefined && status?.podIP === address
      ? []
      : differ(`its address is told as ${status?.podIP}, real is ${address}`)),
  ];
}

/** Of pods that are not bound here, nothing is left; of those that are, what runs and what died last. */
function leftovers({ name, host }: SimNode, bound: readonly Pod[]): readonly string[] {
  const uids = new Set(bound.map(({ metadata }) => metadata.uid));
  const strange = (where: string, uid: string) =>
    uids.has(uid) ? [] : [`${name} has ${where} of a pod that is not bound to it: ${uid}`];
  const containers = host.engine.containers();
  const places = containers.map((each) => `${each.podUid}/${each.name}`);
  const many = [...new Set(places)].filter((place) => places.filter((each) => each === place).length > CONTAINERS_KEPT);
  return [
    ...containers.flatMap((each) => strange(`container "${each.name}"`, each.podUid)),
    ...[...host.wired.keys()].flatMap((uid) => strange('an interface', uid)),
    ...[...host.volumes.keys()].flatMap((uid) => strange('volumes', uid)),
    ...many.map((place) => `${name} keeps more than ${CONTAINERS_KEPT} containers of ${place}`),
  ];
}

/** The one that runs and the last dead one. */
const CONTAINERS_KEPT = 2;

function addressDifferences(nodes: readonly SimNode[]): readonly string[] {
  const all = nodes.flatMap(({ host }) => [...host.wired.values()].map(({ address }) => address));
  return all.filter((address, index) => all.indexOf(address) !== index).map((address) => `two pods have the address ${address}`);
}

type Workload = {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
    readonly numberAvailable?: number;
    readonly updatedNumberScheduled?: number;
  };
};

/** Owners have what they want, know it, and own nothing that they do not. */
function ownerDifferences({ store }: SimServer, pods: readonly Pod[]): readonly string[] {
  const view = store.view();
  const nodes = view.list('nodes').length;
  // Sound: workloads are stored there.
  const list = (resource: string) => view.list(resource) as readonly (KubeObject & Workload)[];
  const check = (
    what: string,
    { metadata, status }: KubeObject & Workload,
    wanted: number,
    ...told: readonly (number | undefined)[]
  ) => {
    const owned = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid) === true).length;
    const isSeen = status?.observedGeneration === metadata.generation;
    const isContent = told.every((count = 0) => count === wanted) && (what === 'deployment' || owned === wanted);
    const text = `${what} ${metadata.name} wants ${wanted} pods, owns ${owned}, tells ${told.map((count = 0) => count).join(' and ')}`;
    return [
      ...(isContent && isSeen ? [] : [text]),
      ...(metadata.deletionTimestamp === undefined ? [] : [`${what} ${metadata.name} is still being deleted`]),
    ];
  };
  const all = [...list('deployments.apps'), ...list('replicasets.apps'), ...list('daemonsets.apps')];
  const known = new Set(all.map(({ metadata }) => metadata.uid));
  const orphans = [...all, ...pods, ...view.list('controllerrevisions.apps')].filter(
    ({ metadata }) => metadata.ownerReferences?.some(({ uid }) => !known.has(uid)) === true,
  );
  return [
    ...list('deployments.apps').flatMap((object) => {
      const { spec, status } = object;
      return check('deployment', object, spec?.replicas ?? 1, status?.availableReplicas, status?.updatedReplicas);
    }),
    ...list('replicasets.apps').flatMap((object) => {
      return check('replica set', object, object.spec?.replicas ?? 1, object.status?.availableReplicas);
    }),
    ...list('daemonsets.apps').flatMap((object) => {
      const { status } = object;
      return check('daemon set', object, nodes, status?.numberAvailable, status?.updatedNumberScheduled);
    }),
    ...orphans.map(({ metadata }) => `${metadata.name} has an owner that is no more`),
  ];
}
