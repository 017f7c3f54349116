import type { KubeObject } from '#api/object.ts';
import type { Pod } from '#api/kinds/pod.ts';

/** Which configmaps and secrets a pod needs on its node, as keys of the node's index: `configmaps/<namespace>/<name>`. Pure. */
export function referencesOf(pod: KubeObject): ReadonlySet<string> {
  // Stored pods were decoded against the pod's schema.
  const { metadata, spec } = pod as Pod;
  const { namespace = '' } = metadata;
  const names = new Set<string>();
  const add = (plural: 'configmaps' | 'secrets', name: string | undefined) => {
    if (name !== undefined && name !== '') names.add(`${plural}/${namespace}/${name}`);
  };
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add('configmaps', configMapRef?.name);
      add('secrets', secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { configMap, secret, projected } of spec?.volumes ?? []) {
    add('configmaps', configMap?.name);
    add('secrets', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add('configmaps', source.configMap?.name);
      add('secrets', source.secret?.name);
    }
  }
  for (const { name } of spec?.imagePullSecrets ?? []) add('secrets', name);
  return names;
}
