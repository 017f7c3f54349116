import { bindPod } from '../../src/api/kinds/pod/binding.ts';
import type { Pod } from '../../src/api/kinds/pod.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { conflictError, notFoundError } from '../../src/api/status.ts';
import { rfc3339, type Clock } from '../../src/lib/clock.ts';
import type { Ids } from '../../src/lib/ids.ts';
import type { Storage } from '../../src/rest/storage.ts';
import type { Carrier } from '../../src/server/carry-out.ts';
import { mergePatched } from './merge-patch.ts';

/**
 * The shortest way from changes to a real store, for tests of the loops alone: names, uids, merge patches (a strategic patch of conditions
 * counts as one) and binds; no admission, no validation. Whole lines are tested with the real pipeline.
 */
export function storeCarrier(storage: Storage, clock: Clock, ids: Pick<Ids, 'uuid' | 'suffix'>): Carrier {
  const existing = async (resource: string, namespace: string, name: string, uid?: string) => {
    const object = await storage.get({ resource, namespace, name });
    if (object === undefined) throw notFoundError({ group: '', name: resource }, name);
    if (uid !== undefined && object.metadata.uid !== uid) throw conflictError({ group: '', name: resource }, name, 'another uid');
    return object;
  };
  const put = async (resource: string, object: KubeObject, expect: { absent: true } | { revision: number }) => {
    const { namespace = '', name = '' } = object.metadata;
    const { objects } = await storage.commit([{ key: { resource, namespace, name }, object, expect }]);
    return objects[0];
  };
  const revisionOf = (object: KubeObject) => ({ revision: Number(object.metadata.resourceVersion) });
  return async (change) => {
    switch (change.verb) {
      case 'create': {
        const { generateName = '', name = `${generateName}${ids.suffix(5)}` } = change.object.metadata;
        const metadata = {
          generation: 1,
          ...change.object.metadata,
          name,
          uid: ids.uuid(),
          creationTimestamp: rfc3339(clock.now()),
        };
        return await put(change.resource, { ...change.object, metadata }, { absent: true });
      }
      case 'update':
        return await put(change.resource, change.object, revisionOf(change.object));
      case 'patch': {
        const old = await existing(change.resource, change.namespace, change.name, change.uid);
        return await put(change.resource, mergePatched(old, change.patch), revisionOf(old));
      }
      case 'bind': {
        const old = (await existing('pods', change.namespace, change.name, change.uid)) as Pod;
        const target = { kind: 'Node', name: change.node };
        return await put(
          'pods',
          bindPod(old, { apiVersion: 'v1', kind: 'Binding', metadata: {}, target }, clock.now()),
          revisionOf(old),
        );
      }
      case 'delete': {
        const { resource, namespace, name, uid } = change;
        await existing(resource, namespace, name, uid);
        await storage.commit([{ key: { resource, namespace, name }, object: undefined }]);
        return undefined;
      }
    }
  };
}
