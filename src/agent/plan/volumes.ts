import type { Volume } from '#api/generated/types.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { digest } from './spec-hash.ts';

/** Which documents a pod's volumes and environment are made of, and a text that changes when any of them does. */

/** `configmaps/<ns>/<name>` and `secrets/<ns>/<name>` of the volumes, in order of appearance. */
export function volumeKeys(item: PodItem): readonly string[] {
  return (item.spec.volumes ?? []).flatMap((volume) => keysOf(item.metadata.namespace, volume));
}

/** What a missing required source is called in the event, or undefined if all are there. */
export function missingSource(
  item: PodItem,
  documents: Documents,
): { readonly volume: string; readonly what: string } | undefined {
  for (const volume of item.spec.volumes ?? []) {
    const missing = requiredKeys(item.metadata.namespace, volume).find((key) => !documents.items.has(key));
    if (missing !== undefined) return { volume: volume.name, what: nameOfKey(missing) };
  }
  return undefined;
}

/** Of everything the files in a pod's volumes come from. */
export function volumesFingerprint(item: PodItem, documents: Documents, address: string | undefined): string {
  const sources = volumeKeys(item).map((key) => `${key}=${documents.items.get(key)?.hash ?? ''}`);
  // Labels and annotations are what a downward volume may show; the address goes into the hosts file.
  const own = canonicalText([item.metadata.labels ?? {}, item.metadata.annotations ?? {}, address ?? '']);
  return digest(`${sources.join('\n')}\n${own}`);
}

/** `configmaps/default/settings` → `configmap "settings" not found`, in upstream's words. */
export function nameOfKey(key: string): string {
  const [kind = '', , name = ''] = key.split('/');
  return `${kind === 'secrets' ? 'secret' : 'configmap'} "${name}" not found`;
}

function keysOf(namespace: string, volume: Volume): readonly string[] {
  return sourcesOf(volume).map(({ key }) => key(namespace));
}

function requiredKeys(namespace: string, volume: Volume): readonly string[] {
  return sourcesOf(volume)
    .filter(({ optional }) => !optional)
    .map(({ key }) => key(namespace));
}

type Source = { readonly key: (namespace: string) => string; readonly optional: boolean };

function sourcesOf(volume: Volume): readonly Source[] {
  const configMap = (name = '', optional = false): Source => ({
    key: (namespace) => `configmaps/${namespace}/${name}`,
    optional,
  });
  const secret = (name = '', optional = false): Source => ({ key: (namespace) => `secrets/${namespace}/${name}`, optional });
  return [
    ...(volume.configMap === undefined ? [] : [configMap(volume.configMap.name, volume.configMap.optional)]),
    ...(volume.secret === undefined ? [] : [secret(volume.secret.secretName, volume.secret.optional)]),
    ...(volume.projected?.sources ?? []).flatMap((source) => [
      ...(source.configMap === undefined ? [] : [configMap(source.configMap.name, source.configMap.optional)]),
      ...(source.secret === undefined ? [] : [secret(source.secret.name, source.secret.optional)]),
    ]),
  ];
}
