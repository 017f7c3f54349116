/** What every namespace has: the ServiceAccount `default` and the cluster's CA bundle; and the namespaces that every cluster has. */
import { semanticEqual } from '#api/equal.ts';
import type { ConfigMap } from '#api/kinds/config-map.ts';
import type { KubeObject } from '#api/object.ts';
import type { View } from '../view.ts';
import { updateChange } from './changes.ts';
import type { Change } from '#rest/change.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { Controller, News } from './controller.ts';

const CA_CONFIG_MAP = 'kube-root-ca.crt';
const ACCOUNT = 'default';
const DESCRIPTION = 'kubernetes.io/description';
const CA_DESCRIPTION =
  "The certificates by which this cluster's API server is known inside the cluster; made and kept up to date by the server.";
const SYSTEM_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** `caBundle`: PEM. */
export function namespaceDefaults(caBundle: string): Controller {
  return {
    name: 'namespace-defaults',
    keysOf,
    keys: (view) => view.list('namespaces').map(({ metadata }) => metadata.name ?? ''),
    reconcile: (key, view) => {
      const namespace = view.get('namespaces', '', key);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return { changes: [] };
      return { changes: [...accountChanges(key, view), ...caChanges(key, view, caBundle)] };
    },
  };
}

/** What a namespace is born with; the controller puts back what is deleted, and follows the certificates. */
export function namespaceCompanions(caBundle: string): NonNullable<ApiOptions['companions']> {
  return (resource, { metadata: { name = '' } }) =>
    resource.id === 'namespaces'
      ? [
          { resource: 'serviceaccounts', object: accountIn(name) },
          { resource: 'configmaps', object: caIn(name, caBundle) },
        ]
      : [];
}

/** One key a namespace, whether it is there or not. */
export const systemNamespaces: Controller = {
  name: 'system-namespaces',
  keysOf: ({ resource, before, after }) => {
    const { name = '' } = (after ?? before)?.metadata ?? {};
    return resource === 'namespaces' && SYSTEM_NAMESPACES.includes(name) ? [name] : [];
  },
  keys: () => SYSTEM_NAMESPACES,
  reconcile: (name, view) => {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    return {
      changes: view.get('namespaces', '', name) === undefined ? [{ verb: 'create', resource: 'namespaces', object }] : [],
    };
  },
};

function accountChanges(namespace: string, view: View): readonly Change[] {
  if (view.get('serviceaccounts', namespace, ACCOUNT) !== undefined) return [];
  return [{ verb: 'create', resource: 'serviceaccounts', object: accountIn(namespace) }];
}

function accountIn(namespace: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace } };
}

function caChanges(namespace: string, view: View, caBundle: string): readonly Change[] {
  const object = caIn(namespace, caBundle);
  // Sound: the store keeps under this resource only objects of this kind.
  const old = view.get('configmaps', namespace, CA_CONFIG_MAP) as ConfigMap | undefined;
  if (old === undefined) return [{ verb: 'create', resource: 'configmaps', object }];
  const { data } = object;
  return semanticEqual(old.data, data) ? [] : [updateChange('configmaps', old, { data })];
}

function caIn(namespace: string, caBundle: string): ConfigMap {
  const metadata = { name: CA_CONFIG_MAP, namespace, annotations: { [DESCRIPTION]: CA_DESCRIPTION } };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': caBundle } };
}

function keysOf({ resource, before, after }: News): readonly string[] {
  const { name = '', namespace = '' } = (after ?? before)?.metadata ?? {};
  if (resource === 'namespaces') return [name];
  const isOurs = (resource === 'serviceaccounts' && name === ACCOUNT) || (resource === 'configmaps' && name === CA_CONFIG_MAP);
  return isOurs ? [namespace] : [];
}
