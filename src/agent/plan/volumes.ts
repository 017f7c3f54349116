import type { Volume } from '#api/generated/types.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { digest } from './spec-hash.ts';

/** Which documents a pod's volumes and environment are made of, and a text that changes when any of them does. */

/** `configmaps/<ns>/<name>`, `secrets/<ns>/<name>` and `tokens/<uid>/<volume>/<path>` of the volumes, in order of appearance. */
function volumeKeys(item: PodItem): readonly string[] {
  return (item.spec.volumes ?? []).flatMap((volume) => sourcesOf(item, volume).map(({ key }) => key));
}

export function tokenKey(item: PodItem, volume: string, path: string): string {
  return `tokens/${item.metadata.uid}/${volume}/${path}`;
}

/** What a missing required source is called in the event, or undefined if all are there. */
export function missingSource(
  item: PodItem,
  documents: Documents,
): { readonly volume: string; readonly what: string } | undefined {
  for (const volume of item.spec.volumes ?? []) {
    const missing = sourcesOf(item, volume).find(({ key, optional }) => !optional && !documents.items.has(key));
    if (missing !== undefined) return { volume: volume.name, what: missing.whenMissing };
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

type Source = {
  readonly key: string;
  readonly optional: boolean;
  /** In upstream's words, where it has some. */
  readonly whenMissing: string;
};

function sourcesOf(item: PodItem, volume: Volume): readonly Source[] {
  const { namespace } = item.metadata;
  const named = (plural: string, kind: string, name = '', optional = false): Source => ({
    key: `${plural}/${namespace}/${name}`,
    optional,
    whenMissing: `${kind} "${name}" not found`,
  });
  const configMap = (name?: string, optional?: boolean) => named('configmaps', 'configmap', name, optional);
  const secret = (name?: string, optional?: boolean) => named('secrets', 'secret', name, optional);
  const token = (path: string): Source => ({
    key: tokenKey(item, volume.name, path),
    optional: false,
    whenMissing: `failed to fetch token: the server has made none of serviceaccount "${item.spec.serviceAccountName ?? ''}"`,
  });
  return [
    ...(volume.configMap === undefined ? [] : [configMap(volume.configMap.name, volume.configMap.optional)]),
    ...(volume.secret === undefined ? [] : [secret(volume.secret.secretName, volume.secret.optional)]),
    ...(volume.projected?.sources ?? []).flatMap((source) => [
      ...(source.configMap === undefined ? [] : [configMap(source.configMap.name, source.configMap.optional)]),
      ...(source.secret === undefined ? [] : [secret(source.secret.name, source.secret.optional)]),
      ...(source.serviceAccountToken === undefined ? [] : [token(source.serviceAccountToken.path)]),
    ]),
  ];
}
