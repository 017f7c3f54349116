import { digestOf } from '../../src/api/link/statement.ts';
import type { Pod } from '../../src/api/kinds/pod.ts';
import { ItemEncoder } from '../../src/server/fleet/item-encoder.ts';
import { project } from '../../src/server/fleet/project.ts';
import { CLUSTER_CIDR } from '../support/link-world.ts';
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
    ...nodes.flatMap((node) => [...linkDifferences(server, node), ...engineDifferences(node, pods)]),
    ...ownerDifferences(server),
  ];
}

function unbound({ metadata, spec }: Pod): readonly string[] {
  return (spec?.nodeName ?? '') === '' ? [`pod ${metadata.name} is bound to no node`] : [];
}

function linkDifferences({ store }: SimServer, { name, ledger }: SimNode): readonly string[] {
  const held = ledger?.held();
  if (ledger === undefined || held === undefined) return [`${name} holds no document`];
  const encoder = new ItemEncoder(CLUSTER_CIDR);
  const { index } = project(store.view(), name, (resource, object) => encoder.hash(resource, object));
  const { lastSeq, ackedSeq } = ledger.outbox();
  return [
    ...(held.signed.statement.incarnation === store.incarnation().id ? [] : [`${name} holds another incarnation`]),
    ...(digestOf(held.index) === digestOf(index) ? [] : [`${name} holds another document`]),
    ...(ackedSeq === lastSeq ? [] : [`${name} has ${lastSeq - ackedSeq} records that the server has not taken`]),
  ];
}

/** What runs is what is bound to it, and the server knows of every container which attempt runs. */
function engineDifferences({ name, host }: SimNode, pods: readonly Pod[]): readonly string[] {
  const running = host.engine.containers().filter((container) => container.state === 'running' && container.name !== '');
  const real = running.map(({ podUid, id }) => `${podUid} docker://${id}`).toSorted();
  const told = pods
    .filter(({ spec }) => spec?.nodeName === name)
    .flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(({ state, containerID = '' }) =>
        state?.running === undefined ? `${metadata.uid} not running` : `${metadata.uid} ${containerID}`,
      ),
    )
    .toSorted();
  const bound = pods.filter(({ spec }) => spec?.nodeName === name).length;
  if (bound === real.length && told.join() === real.join()) return [];
  return [
    `${name} runs ${real.length} containers of ${bound} pods; the server knows [${told.join(', ')}], real is [${real.join(', ')}]`,
  ];
}

type Workload = {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
  };
};

function ownerDifferences({ store }: SimServer): readonly string[] {
  return store
    .view()
    .list('deployments.apps')
    .flatMap((object) => {
      // Sound: deployments are stored there.
      const { spec, status } = object as Workload;
      const wanted = spec?.replicas ?? 1;
      const content = (status?.availableReplicas ?? 0) === wanted && (status?.updatedReplicas ?? 0) === wanted;
      const isSeen = status?.observedGeneration === object.metadata.generation;
      return content && isSeen ? [] : [`deployment ${object.metadata.name} has ${status?.availableReplicas ?? 0} of ${wanted}`];
    });
}
