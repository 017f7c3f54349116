/** Pods made from a template: its labels, annotations and spec; the name is the maker's with a suffix from the pipeline. */
import { DNS_SUBDOMAIN_BYTES_MAX } from '#api/names.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '#api/kinds/pod.ts';
import type { KubeObject, OwnerReference } from '#api/object.ts';

export function podFromTemplate(
  maker: KubeObject,
  template: PodTemplateSpec | undefined,
  extra: { readonly owner: OwnerReference; readonly labels?: Readonly<Record<string, string>>; readonly spec?: PodSpec },
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const { name = '', namespace = '' } = maker.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      // The longest names leave no room for a dash; they are cut for the suffix all the same.
      generateName: name.length < DNS_SUBDOMAIN_BYTES_MAX ? `${name}-` : name,
      namespace,
      labels: { ...labels, ...extra.labels },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [extra.owner],
    },
    spec: extra.spec ?? template?.spec ?? { containers: [] },
  };
}
