import { builtinResources } from '../../src/api/kinds/builtin.ts';
import { isPodReady, type Pod } from '../../src/api/kinds/pod.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { createRegistry } from '../../src/api/registry.ts';
import { rfc3339 } from '../../src/lib/clock.ts';
import { seededIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Change } from '../../src/rest/change.ts';
import { builtinControllers } from '../../src/server/controllers/builtin.ts';
import { namespaceCompanions } from '../../src/server/controllers/namespace-defaults.ts';
import { startLoops } from '../../src/server/loops.ts';
import { ADMIN, createTestApi } from './api-world.ts';
import { manualClock } from './manual-clock.ts';
import { openTestStore } from './store.ts';

/** The server's core without sockets: real store, real pipeline with its admission and rules, all controllers, the scheduler. */
export async function startServerCore() {
  const [clock, ids] = [manualClock(), seededIds(5)];
  const store = await openTestStore({ clock, ids });
  const registry = createRegistry(builtinResources);
  const api = createTestApi(store, { companions: namespaceCompanions('PEM'), clock, ids });
  const stop = new AbortController();
  const controllers = builtinControllers({ registry: () => registry, caBundle: 'PEM' });
  const loops = startLoops(
    { storage: store.storage, view: store.view, change: api.change, controllers, clock, ids, log: silentLog },
    stop.signal,
  );
  const act = (change: Change) => api.change(change, ADMIN, stop.signal);
  const list = <T extends KubeObject>(resource: string, namespace?: string) =>
    store.view().list(resource, namespace) as readonly T[];
  /** Until nothing has been due for a while: news come a turn later, and what was refused comes again in a moment. */
  const quiet = async () => {
    let idle = 0;
    for (let turns = 0; turns < 1_000; turns += 1) {
      await clock.advance(20);
      idle = loops.idle() ? idle + 1 : 0;
      if (idle === 10) return;
    }
    throw new Error('the loops do not come to rest');
  };
  const patch = (resource: string, { metadata }: KubeObject, body: unknown, subresource?: string) =>
    act({
      verb: 'patch',
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      namespace: metadata.namespace ?? '',
      name: metadata.name ?? '',
      patchType: 'strategic',
      patch: body,
    });
  /** A node with its heartbeat, ready. */
  const join = async (name: string) => {
    await act({
      verb: 'create',
      resource: 'nodes',
      object: { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } },
    });
    await quiet();
    await beat(name);
    const allocatable = { cpu: '4', memory: '8Gi', pods: '20' };
    const conditions = [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: '',
        lastHeartbeatTime: rfc3339(clock.now()),
        lastTransitionTime: rfc3339(clock.now()),
      },
    ];
    await patch(
      'nodes',
      { apiVersion: 'v1', kind: 'Node', metadata: { name } },
      { status: { allocatable, capacity: allocatable, conditions } },
      'status',
    );
    await quiet();
  };
  const beat = async (name: string) => {
    const key = { resource: 'leases.coordination.k8s.io', namespace: 'kube-node-lease', name };
    const old = await store.storage.get(key);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: key.namespace },
      spec: { holderIdentity: name, leaseDurationSeconds: 40 },
    };
    await act(
      old === undefined
        ? { verb: 'create', resource: key.resource, object: lease }
        : {
            verb: 'update',
            resource: key.resource,
            object: {
              ...old,
              spec: { ...lease.spec, renewTime: `2026-01-01T00:00:00.${String(clock.monotonic()).padStart(6, '0').slice(-6)}Z` },
            },
          },
    );
  };
  /** What agents would do until nothing changes: pods run and get ready, those going end. `broken` images never get ready. */
  const live = async (broken: readonly string[] = [], silent: readonly string[] = []) => {
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await quiet();
      const bound = list<Pod>('pods').filter(
        ({ spec }) => (spec?.nodeName ?? '') !== '' && !silent.includes(spec?.nodeName ?? ''),
      );
      const going = bound.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      const starting = bound.filter(
        (pod) => !going.includes(pod) && !isPodReady(pod) && !broken.includes(pod.spec?.containers[0]?.image ?? ''),
      );
      if (going.length + starting.length === 0) return;
      for (const { metadata } of going)
        await act({
          verb: 'delete',
          resource: 'pods',
          namespace: metadata.namespace ?? '',
          name: metadata.name ?? '',
          gracePeriodSeconds: 0,
        });
      for (const pod of starting)
        await patch(
          'pods',
          pod,
          {
            status: {
              phase: 'Running',
              conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(clock.now()) }],
            },
          },
          'status',
        );
    }
    throw new Error('the pods do not come to rest');
  };
  const end = async () => {
    stop.abort();
    await clock.advance(100);
    await loops.done;
    await store.close();
  };
  return { store, clock, act, patch, list, quiet, join, beat, live, end };
}

export function workload(
  kind: 'Deployment' | 'DaemonSet',
  image: string,
  spec: Readonly<Record<string, unknown>> = {},
  namespace = 'default',
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', namespace },
    spec: {
      selector: { matchLabels: { app: kind } },
      template: {
        metadata: { labels: { app: kind } },
        spec: { containers: [{ name: 'c', image, resources: { requests: { cpu: '100m' } } }] },
      },
      ...spec,
    },
  };
}
